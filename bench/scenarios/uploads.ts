import { closedLoop } from './closed-loop.ts'

/** Bodies towards the dyno. */
export const uploads = [
  closedLoop({
    name: 'upload-10k',
    title: 'POST of 10 KB, 64 connections',
    path: '/upload',
    connections: 64,
    uploadBytes: 10_000,
    quietToo: false,
  }),
  closedLoop({
    name: 'upload-1m',
    title: 'POST of 1 MB, 16 connections',
    path: '/upload',
    connections: 16,
    uploadBytes: 1_000_000,
    countBytes: true,
    quietToo: false,
  }),
]
