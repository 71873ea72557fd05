const ROUNDS = 7
const ROUND_MS = 200

/** Results end here, so that no measured work is found useless and left out. */
let sink = 0

/**
 * Nanoseconds per call of `operation(i)`, for i from 0 on: the best of several rounds after one to warm up, since whatever else the machine does
 * only ever adds. The operation gives a number that depends on its work.
 */
export function nanosecondsPer(operation: (i: number) => number): number {
  let batch = 1
  while (timeOf(operation, batch) < ROUND_MS / 4 && batch < 1 << 28) batch *= 2
  batch = Math.max(1, Math.round((batch * ROUND_MS) / Math.max(1, timeOf(operation, batch))))
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, timeOf(operation, batch))
  return (best * 1e6) / batch
}

export function report(what: string, nanoseconds: number, beside = ''): void {
  const figure = nanoseconds >= 10_000 ? `${(nanoseconds / 1000).toFixed(1)} µs` : `${nanoseconds.toFixed(1)} ns`
  console.log(`${what.padEnd(58)} ${figure.padStart(12)}  ${beside}`.trimEnd())
}

/** Line before the figures: without the machine they say little. */
export function describeMachine(): void {
  console.log(`node ${process.version}, ${process.arch}; best of ${ROUNDS} rounds of ${ROUND_MS} ms`)
}

function timeOf(operation: (i: number) => number, calls: number): number {
  const beganMs = performance.now()
  let sum = 0
  for (let i = 0; i < calls; i++) sum = (sum + operation(i)) | 0
  sink ^= sum
  return performance.now() - beganMs
}

process.on('exit', () => {
  if (sink === 0.5) console.log(sink)
})
