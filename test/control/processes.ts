import { readFileSync } from 'node:fs'

/** Whether a process runs: one that has ended, and that nobody has waited for yet, does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    // After the name of the program, which may contain anything, comes the state; Z is a zombie.
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)![0] !== 'Z'
  } catch {
    // Gone in between; or a system without /proc, where the first answer has to do.
    return process.platform !== 'linux'
  }
}

/** Ends when the process has. */
export async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10))
}
