import type { Cidr } from '../model/address.ts'

/**
 * How many dynos that run here the network of a space has addresses for. It is cut into equal blocks (control/placement):
 * the first stays free, and so do the first and the last address of each of the others. Three zones need three blocks.
 */
export function dynoCapacity({ network, prefix }: Cidr): number {
  const [bits, widestBlockBits] = network.family === 4 ? [32, 8] : [128, 16]
  const hostBits = bits - prefix
  const blockBits = Math.min(widestBlockBits, hostBits - 2)
  if (blockBits < 2) return 0
  return (2 ** (hostBits - blockBits) - 1) * (2 ** blockBits - 2)
}
