import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'

/**
 * Reads the process groups of the dynos from its standard input. The pipe ends when the router does, however it ended
 * (SIGKILL and a crash too): then every group that is left gets SIGTERM, the grace time, and SIGKILL.
 */
const SCRIPT = `
trap '' HUP INT TERM
groups=' '
while read -r what group; do
  case $what in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
  esac
done
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
left=$1
while [ "$left" -gt 0 ]; do
  alive=
  for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && alive=1; done
  [ "$alive" ] || exit 0
  sleep 1
  left=$((left - 1))
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
`
const RESTART_MS = 1000

/** A small process beside the router that outlives it for as long as it takes to end the dyno processes. */
export class Guardian {
  readonly #graceMs: number
  readonly #groups = new Set<number>()
  readonly #onFailure: (error: Error) => void
  #process: ChildProcess | null = null
  #closed = false

  /** `onFailure` is told when the guardian itself ended or cannot be started; it is tried again a second later. */
  constructor(graceMs: number, onFailure: (error: Error) => void) {
    this.#graceMs = graceMs
    this.#onFailure = onFailure
  }

  add(group: number): void {
    this.#groups.add(group)
    if (this.#process) this.#tell(`+ ${group}\n`)
    else this.#start()
  }

  remove(group: number): void {
    this.#groups.delete(group)
    this.#tell(`- ${group}\n`)
  }

  /** Whatever is still guarded is ended. */
  close(): void {
    this.#closed = true
    this.#process?.stdin?.end()
    this.#process = null
  }

  #start(): void {
    const seconds = String(Math.max(1, Math.ceil(this.#graceMs / 1000)))
    const process = spawn('/bin/sh', ['-c', SCRIPT, 'postern-guardian', seconds], {
      // Its own session: a Ctrl-C in the terminal is for the router, and the guardian is needed after that.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: '/usr/bin:/bin' },
    })
    this.#process = process
    // It must not keep a router alive that has nothing else to do.
    process.unref()
    ;(process.stdin as unknown as { unref(): void }).unref()
    // A guardian that is gone is reported by its exit; the broken pipe says the same.
    process.stdin?.on('error', () => {})
    process.on('error', (error) => this.#lost(process, error))
    process.on('exit', (code, signal) => this.#lost(process, new Error(`it ended with ${signal ?? `status ${code}`}`)))
    for (const group of this.#groups) this.#tell(`+ ${group}\n`)
  }

  #lost(process: ChildProcess, error: Error): void {
    if (this.#closed || this.#process !== process) return
    this.#process = null
    this.#onFailure(error)
    setTimeout(() => {
      if (!this.#closed && !this.#process && this.#groups.size > 0) this.#start()
    }, RESTART_MS).unref()
  }

  #tell(line: string): void {
    this.#process?.stdin?.write(line)
  }
}
