import path from 'node:path'
import { postern as router } from '../contenders/postern.ts'
import type { DnsServer } from './server.ts'

/** The responder that the router carries, on its own. */
export const postern: DnsServer = {
  name: 'postern',
  version: router.version,
  missing: () => null,
  configure(_directory, port) {
    return { command: process.execPath, args: [path.join(import.meta.dirname, 'responder.ts'), String(port)] }
  },
}
