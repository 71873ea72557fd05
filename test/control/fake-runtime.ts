import type { Instance, Launch, Runtime } from '../../src/control/runtimes/runtime.ts'

/** One run of a program that the test plays. */
export class FakeInstance implements Instance {
  readonly launch: Launch
  readonly ended: Promise<string>
  /** What was asked of it, in order: `stop 30000`, `kill`. */
  readonly asked: string[] = []
  /** Whether it ends when it is asked to. */
  obedient = true
  readonly line: (text: string) => void
  end: (how: string) => void = () => {}

  constructor(launch: Launch, line: (text: string) => void) {
    this.launch = launch
    this.line = line
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
  }

  stop(graceMs: number): Promise<string> {
    this.asked.push(`stop ${graceMs}`)
    if (this.obedient) this.end('exited with status 0')
    return this.ended
  }

  kill(): void {
    this.asked.push('kill')
    this.end('killed by SIGKILL')
  }
}

/** Starts nothing: the test says what becomes of each launch. */
export class FakeRuntime implements Runtime {
  readonly instances: FakeInstance[] = []
  /** Called for every launch; what it throws is why that fails. */
  onLaunch: (launch: Launch) => void = () => {}

  async launch(launch: Launch, line: (text: string) => void): Promise<Instance> {
    this.onLaunch(launch)
    const instance = new FakeInstance(launch, line)
    this.instances.push(instance)
    return instance
  }

  async close(): Promise<void> {}

  get last(): FakeInstance {
    return this.instances.at(-1)!
  }
}
