import { isUtf8 } from 'node:buffer'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Problem } from './config.ts'

/** A hundred thousand dynos, each on a line of its own, and then some. */
export const MAX_FILE_BYTES = 32 * 2 ** 20

/** The text of a file, or why there is none. Never waits: what is not a regular file (a pipe, a device) is not read. */
export async function readBounded(file: string): Promise<{ text: string } | { problem: Problem }> {
  try {
    const bytes = await readBytes(file)
    if (typeof bytes === 'string') return { problem: { file, line: 0, column: 0, path: '', message: bytes } }
    if (!isUtf8(bytes)) return { problem: notUtf8(file, bytes) }
    // Takes off a byte order mark.
    return { text: new TextDecoder().decode(bytes) }
  } catch (error) {
    return { problem: { file, line: 0, column: 0, path: '', message: systemMessage(error as NodeJS.ErrnoException) } }
  }
}

/** The bytes, or a sentence that says why they are not read. */
async function readBytes(file: string): Promise<Buffer | string> {
  // Without O_NONBLOCK the open itself would wait for somebody to write into a pipe.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = await handle.stat()
    if (stat.isDirectory()) return 'is a folder; give the file in it'
    if (!stat.isFile()) return 'is not a regular file; give the path of one'
    // One more than there should be: a file that grows while it is read shows.
    const buffer = Buffer.alloc(Math.min(stat.size, MAX_FILE_BYTES) + 1)
    let length = 0
    for (let read = 1; read > 0 && length < buffer.length; length += read) {
      read = (await handle.read(buffer, length, buffer.length - length, length)).bytesRead
    }
    if (length > stat.size && length <= MAX_FILE_BYTES)
      return 'grew while it was read; write it whole, then move it into place'
    if (length > MAX_FILE_BYTES) return `is larger than ${MAX_FILE_BYTES / 2 ** 20} MiB; a space file is not`
    return buffer.subarray(0, length)
  } finally {
    await handle.close()
  }
}

function systemMessage(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'no such file; give the path of a space file'
    case 'EACCES':
    case 'EPERM':
      return 'may not be read; give its reader the right to'
    case 'ENOTDIR':
      return 'a part of this path is not a folder; give the path of a space file'
    default:
      return `cannot be read: ${error.code ?? error.message}`
  }
}

/** Points at the first byte sequence that is not a character. */
function notUtf8(file: string, bytes: Buffer): Problem {
  const before = new TextDecoder().decode(bytes).split('\ufffd', 1)[0]!
  const lines = before.split('\n')
  const message = 'is not UTF-8 from here on; save it as UTF-8'
  return { file, line: lines.length, column: lines.at(-1)!.length + 1, path: '', message }
}
