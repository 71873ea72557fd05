import { closedLoop } from './closed-loop.ts'

/** The headline: bodies of 100 bytes, so that all of the cost is the work per request. */
export const small = [64, 1, 1000].map((connections) =>
  closedLoop({
    name: `small-${connections}`,
    title: `100 B answers, ${connections} keep-alive connection${connections === 1 ? '' : 's'}`,
    path: '/bytes/100',
    connections,
  }),
)
