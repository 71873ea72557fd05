import { connect } from 'node:net'
import type { Clock } from './clock.ts'
import { pause } from './clock.ts'

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000
/** For the connect, and for the goodbye after it. */
const CONNECTION_TIMEOUT_MS = 1000

/**
 * Connects until somebody accepts: true; false when `timeoutMs` went by or the signal said that it no longer matters.
 * The pauses between the attempts double from 50 ms to 1 s.
 */
export async function acceptsConnections(
  target: { address: string; port: number },
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const over = new AbortController()
  const cancel = clock.after(timeoutMs, () => over.abort())
  const until = AbortSignal.any([signal, over.signal])
  try {
    for (let pauseMs = FIRST_PAUSE_MS; !until.aborted; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      if (await connects(target, until)) return !until.aborted
      await pause(clock, pauseMs, until)
    }
    return false
  } finally {
    cancel()
  }
}

function connects(target: { address: string; port: number }, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.address, port: target.port })
    const giveUp = () => socket.destroy()
    signal.addEventListener('abort', giveUp)
    const timer = setTimeout(giveUp, CONNECTION_TIMEOUT_MS)
    socket.once('connect', () => {
      signal.removeEventListener('abort', giveUp)
      resolve(true)
      // Goodbye by FIN, after whatever the program has to say: a reset would be an error to it, and not every program
      // survives one.
      socket.resume()
      socket.end()
    })
    socket.on('error', () => resolve(false))
    socket.on('close', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      resolve(false)
    })
  })
}
