import type { Logger } from '../../telemetry/logger.ts'
import { ExecRuntime } from './exec.ts'
import { ProcessRuntime } from './process.ts'
import type { Instance, Launch, Runtime } from './runtime.ts'

/** The runtimes of a router: each dyno is started by the one that its configuration asks for. */
export class OwnRuntimes implements Runtime {
  readonly #processes: ProcessRuntime
  readonly #commands = new ExecRuntime()

  constructor(options: { graceMs: number; log: Logger }) {
    this.#processes = new ProcessRuntime(options)
  }

  launch(launch: Launch, line: (text: string) => void): Promise<Instance> {
    return (launch.exec === null ? this.#processes : this.#commands).launch(launch, line)
  }

  async close(): Promise<void> {
    await Promise.all([this.#processes.close(), this.#commands.close()])
  }
}
