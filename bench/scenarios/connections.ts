import { closedLoop } from './closed-loop.ts'

/** The cost of accepting and closing. Dyno connections are kept all the same. */
export const newConnections = closedLoop({
  name: 'new-connection',
  title: '100 B answers, a new connection for each request, 64 at once',
  path: '/bytes/100',
  connections: 64,
  newConnections: true,
  quietToo: false,
})
