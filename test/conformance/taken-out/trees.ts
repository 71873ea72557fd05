import { Tree } from './tree.ts'

/** Trees in which tasks run at once, one in each. They are gone when the process ends, however it does. */
export class Trees {
  readonly #trees: readonly Tree[]

  constructor(root: string, count: number) {
    this.#trees = Array.from({ length: count }, () => new Tree(root))
    process.on('exit', () => {
      for (const tree of this.#trees) tree.remove()
    })
    process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143))
  }

  async run<T>(tasks: readonly T[], run: (task: T, tree: Tree) => Promise<void>): Promise<void> {
    const waiting = [...tasks]
    await Promise.all(
      this.#trees.map(async (tree) => {
        for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await run(task, tree)
      }),
    )
  }
}
