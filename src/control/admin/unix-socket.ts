import { lstat, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { relative } from 'node:path'

/** What fits into `sockaddr_un` on Linux, without the final NUL; other systems take 103. */
const LONGEST_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/**
 * Binds the server to a socket file that nobody but its owner may connect to. A file that a killed router left is
 * replaced; one that a router still answers on is not.
 * @throws Error with one line for the operator.
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  const short = shortPath(path)
  await clearStale(path, short)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new Error(`${path} cannot be made: ${error.code}`)))
    // The file gets its mode when it is bound, which `listen` does before it returns: there is no moment at which it is
    // open to others.
    const umask = process.umask(0o177)
    try {
      server.listen({ path: short }, resolve)
    } finally {
      process.umask(umask)
    }
  })
}

/** The socket's path as the system takes it: relative to the working directory where the absolute one is too long. */
export function shortPath(path: string): string {
  const candidates = [path, relative(process.cwd(), path)]
  const short = candidates.find((candidate) => Buffer.byteLength(candidate) <= LONGEST_PATH_BYTES)
  if (short === undefined) throw new Error(`${path} is too long for a socket (${LONGEST_PATH_BYTES} bytes)`)
  return short
}

async function clearStale(path: string, short: string): Promise<void> {
  const file = await lstat(path).catch(() => null)
  if (!file) return
  if (!file.isSocket()) throw new Error(`${path} exists and is not a socket`)
  if (await answers(short)) throw new Error(`a router is running already: it answers on ${path}`)
  await unlink(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // Only a refusal says that nobody has it open; a full queue, for one, says the contrary.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
  })
}
