/** What long work came to, and how long it took, without what was done between. */
export interface Sliced<T> {
  readonly value: T
  readonly busyMs: number
}

/** Takes the steps, but for no longer than this at a time (and one step): between, the event loop does what else there is, requests before all. */
export async function inSlices<T>(steps: Iterator<unknown, T>, sliceMs: number): Promise<Sliced<T>> {
  let busyMs = 0
  for (;;) {
    const beganAtMs = performance.now()
    let step = steps.next()
    while (!step.done && performance.now() < beganAtMs + sliceMs) step = steps.next()
    busyMs += performance.now() - beganAtMs
    if (step.done) return { value: step.value, busyMs }
    await new Promise((resolve) => setImmediate(resolve))
  }
}
