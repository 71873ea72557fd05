import { closedLoop } from './closed-loop.ts'

/** What configured apps cost that get no traffic: the same request in a space of 3 and in one of 10,000. */
export const manyApps = closedLoop({
  name: 'many-apps',
  title: '100 B answers, 64 connections, with 3 and with 10,000 apps configured',
  path: '/bytes/100',
  connections: 64,
  spaces: [
    { apps: 3, hostsPerApp: 1 },
    { apps: 10_000, hostsPerApp: 1 },
  ],
  quietToo: false,
})
