import { closedLoop } from './closed-loop.ts'

const KB = 1000
const MB = 1000 * KB

/** From answers that fit into one read to those that have to be paced. */
export const bodies = [
  closedLoop({ name: 'body-10k', title: '10 KB answers, 64 connections', path: `/bytes/${10 * KB}`, connections: 64 }),
  closedLoop({
    name: 'body-1m',
    title: '1 MB answers, 16 connections',
    path: `/bytes/${MB}`,
    connections: 16,
    countBytes: true,
    quietToo: false,
  }),
  closedLoop({
    name: 'body-100m',
    title: '100 MB answers, 4 connections',
    path: `/bytes/${100 * MB}`,
    connections: 4,
    countBytes: true,
    quietToo: false,
  }),
]
