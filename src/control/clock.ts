/** Time as the control plane sees it, so that a test can turn five minutes of back-off into a function call. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number
  /** Runs once, after at least so long; the function that comes back takes it off again. */
  after(delayMs: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Ends after `delayMs`, or at once when the signal says that nobody waits any more. Never rejects. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(delayMs, end)
    signal.addEventListener('abort', end)
  })
}
