import { randomInt } from 'node:crypto'

const second = randomInt(40, 250)
const third = randomInt(16) * 16

/** A network for the dynos of one test file, which another run of the tests on the same machine most likely does not have. */
export const CIDR = `127.${second}.${third}.0/20`

/** `address(1, 1)` is the first address of zone a in it, `address(2, 1)` of zone b; block 0 is nobody's. */
export function address(block: number, host: number): string {
  return `127.${second}.${third + block}.${host}`
}
