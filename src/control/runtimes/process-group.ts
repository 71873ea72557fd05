import { readdir, readFile } from 'node:fs/promises'

/** How often a group is asked whether it is empty: at first, and at most. */
const FIRST_POLL_MS = 20
const LONGEST_POLL_MS = 500

/** A program and all that it started and that did not leave its process group. */
export class ProcessGroup {
  readonly id: number

  constructor(id: number) {
    this.id = id
  }

  /** False when nobody is left to get it. */
  signal(signal: NodeJS.Signals | 0): boolean {
    try {
      process.kill(-this.id, signal)
      return true
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ESRCH'
    }
  }

  /** Ends when no process of the group runs any more, or when the signal says that it does not matter. Never rejects. */
  async emptied(stopWaiting: AbortSignal): Promise<void> {
    for (let pollMs = FIRST_POLL_MS; !stopWaiting.aborted; pollMs = Math.min(pollMs * 2, LONGEST_POLL_MS)) {
      if (!this.signal(0) || !(await hasLiving(this.id))) return
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }
}

/**
 * Whether there is more in the group than processes that have ended and wait to be reaped. Orphans wait for process 1, and
 * in a container that is often a program that reaps late or never. Without /proc the answer has to be yes.
 */
async function hasLiving(group: number): Promise<boolean> {
  const entries = await readdir('/proc').catch(() => null)
  if (!entries) return true
  for (const entry of entries) {
    if (!/^\d+$/.test(entry)) continue
    const stat = await readFile(`/proc/${entry}/stat`, 'latin1').catch(() => '')
    // After the name, which is in parentheses and may contain anything: state, parent, process group (proc(5)).
    const [state, , itsGroup] = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')
    if (Number(itsGroup) === group && state !== 'Z' && state !== 'X') return true
  }
  return false
}
