import { type ChildProcess, fork } from 'node:child_process'
import { PROTOCOL } from './messages.ts'

/** Silent for so many seconds in a row: it does not answer any more. */
const SILENT_SECONDS = 10
/** The variable that makes the program on disk a part of a router instead of a command. */
export const ROLE = 'POSTERN_PROCESS'

/** Beside it, what the supervisor speaks. */
const SPOKEN = 'POSTERN_PROTOCOL'

export type Role = 'supervisor' | 'control' | 'worker'

/**
 * What this process was started as; null: a command. `supervisor`: in the place of another one. Asked once, so that programs started from here do not inherit it. A
 * process that does not speak what its supervisor speaks ends here: an upgrade to it fails, and what runs stays.
 */
export function ownRole(): Role | null {
  const role = process.env[ROLE]
  const spoken = process.env[SPOKEN]
  delete process.env[ROLE]
  delete process.env[SPOKEN]
  if (process.send === undefined) return null
  if (role === 'supervisor') return role
  if (role !== 'control' && role !== 'worker') return null
  if (spoken === String(PROTOCOL)) return role
  console.error(
    `postern: a ${role} process of this version cannot talk to the supervisor that runs, which is of another one; "postern upgrade --supervisor" replaces that too`,
  )
  process.exit(1)
}

/** A process that the supervisor started, from the program as it is on disk now. */
export class Child<Incoming, Outgoing> {
  /** How it ended: `killed by SIGKILL`, `exited with status 1`. */
  readonly exited: Promise<string>
  readonly sinceMs = Date.now()
  readonly #process: ChildProcess
  /** null until its first word: how long it may take to start is another matter. */
  #silentSeconds: number | null = null
  #gone = false

  constructor(role: Role, onMessage: (message: Incoming) => void) {
    // As it was called: where that is a symbolic link, another version may be behind it now.
    this.#process = fork(process.argv[1]!, [], {
      env: { ...process.env, [ROLE]: role, [SPOKEN]: String(PROTOCOL) },
      // Snapshots travel as long texts, which JSON would have to escape.
      serialization: 'advanced',
    })
    this.exited = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        this.#gone = true
        resolve(signal ? `killed by ${signal}` : `exited with status ${code}`)
      })
      this.#process.once('error', (error) => {
        if (this.#process.pid !== undefined) return
        this.#gone = true
        resolve(`cannot be started: ${error.message}`)
      })
    })
    this.#process.on('message', (message) => {
      this.#silentSeconds = 0
      onMessage(message as Incoming)
    })
  }

  /** -1 when it could not be started. */
  get pid(): number {
    return this.#process.pid ?? -1
  }

  get gone(): boolean {
    return this.#gone
  }

  /** What a process that is gone is told is told to nobody. */
  send(message: Outgoing, handle?: object): void {
    if (this.#gone || !this.#process.connected) return
    // An error means that it ends at this moment, which its exit tells.
    this.#process.send(message as object, handle as undefined, {}, () => {})
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  /**
   * To be called every second; true when it has been silent for too long. Seconds are counted rather than measured: one in
   * which this process itself stood still must not be held against another.
   */
  tick(): boolean {
    if (this.#silentSeconds === null) return false
    this.#silentSeconds++
    return this.#silentSeconds > SILENT_SECONDS
  }
}

/** Between the end of a process and the start of its successor, when it failed so many times in a row (from 1). */
export function restartDelayMs(failures: number): number {
  return failures === 1 ? 0 : Math.min(250 * 2 ** (failures - 2), 15_000)
}

/** Up for so long: the next failure is the first again. */
export const FAILURES_FORGOTTEN_MS = 60_000
