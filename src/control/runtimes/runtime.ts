import type { ExecCommands } from '../../config/config.ts'

/** Everything that a runtime has to know of the dyno that it starts. */
export interface Launch {
  readonly app: string
  readonly processType: string
  /** 1-based. */
  readonly number: number
  readonly release: string
  readonly az: string
  /** Where the program is to listen; canonical text. */
  readonly address: string
  readonly port: number
  /** One line, as the operator wrote it. */
  readonly command: string
  /** Absolute. */
  readonly cwd: string
  /** Not null: the command starts the dyno somewhere and ends. */
  readonly exec: ExecCommands | null
  /** What the configuration sets and what Postern tells every dyno; the runtime adds nothing but what programs need to run at all. */
  readonly env: Readonly<Record<string, string>>
}

/** One run of a program. A dyno that is restarted gets another. */
export interface Instance {
  /** Says how it ended (`exited with status 1`), once nothing of it is left. Never rejects. */
  readonly ended: Promise<string>
  /** Asks it to end, and makes it when `graceMs` have gone by. Resolves with `ended`. */
  stop(graceMs: number): Promise<string>
  /** Ends it now. */
  kill(): void
}

/**
 * A way to run dynos. When they are up, what happens when they crash and when they may stop is decided elsewhere, the
 * same for all runtimes: a runtime only starts and ends.
 */
export interface Runtime {
  /**
   * Resolves when the program runs (not: when it accepts connections). `line` gets what it prints.
   * @throws LaunchError when it cannot be started.
   */
  launch(launch: Launch, line: (text: string) => void): Promise<Instance>
  /** After the last instance has ended. */
  close(): Promise<void>
}

/** Why a program could not be started, in words for the operator. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError'
  /** Somebody else listens on the port: another one may do. */
  readonly portTaken: boolean

  constructor(message: string, portTaken = false) {
    super(message)
    this.portTaken = portTaken
  }
}
