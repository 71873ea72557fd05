import { readSync } from 'node:fs'

/** Enough for the answers of servers that refuse a body; what comes longer is read piece by piece. */
const LAST_READ_BYTES = 65_536

/**
 * What a dyno said before its connection broke. A server that does not want a body answers (401, 413) and hangs up, which
 * resets the connection. The next write then fails, and would leave the answer unread in the kernel. `take` says whether there may be more.
 */
export function readLastWords(descriptor: number, take: (count: number, bytes: Buffer) => boolean): void {
  if (descriptor < 0) return
  for (;;) {
    const bytes = Buffer.allocUnsafeSlow(LAST_READ_BYTES)
    const count = readNow(descriptor, bytes)
    if (count === 0 || !take(count, bytes)) return
  }
}

/** The descriptor does not block: 0 when nothing is there, at the end, and when the connection is broken. */
function readNow(descriptor: number, bytes: Buffer): number {
  try {
    return readSync(descriptor, bytes)
  } catch {
    return 0
  }
}
