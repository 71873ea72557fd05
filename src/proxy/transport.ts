import type { ReadBuffer } from './read-buffer.ts'

/** Who reads from a connection and writes to it. */
export interface TransportOwner {
  /** `bytes` from `start` to `end` came. They are overwritten after this call, unless `reads.lend` keeps them. */
  onRead(bytes: Buffer, start: number, end: number): void
  /** It was opened from here, and is open. */
  onConnect(): void
  /** The peer closed its side. */
  onEnd(): void
  /** The kernel has all that was written; said after a write that it did not take whole, whether that write told or not. */
  onDrain(): void
  /** It is gone. `error` is what broke it, as `ECONNRESET`; '' nothing did. The last call, never within one of the owner's own. */
  onClose(error: string): void
}

/**
 * One byte stream, as thin as it can be: nothing is kept here but texts of this turn. Either side may be closed while the other stays open. What is
 * written after `end` or a failure is dropped; `onClose` tells of failures.
 */
export interface Transport {
  readonly reads: ReadBuffer
  /** Neither ended from here nor broken. */
  readonly writable: boolean
  /** Bytes that the kernel has not taken. */
  readonly unsentBytes: number
  /** Bytes written since it was opened. */
  readonly writtenBytes: number
  /** Bytes that the kernel has taken. Grows within one large write too, so it shows whether a slow peer reads at all. */
  readonly takenBytes: number

  /** From now on its owner is told; reading begins when it is open. Once, right after it was made. */
  start(owner: TransportOwner): void
  pause(): void
  resume(): void
  /** One byte for each character. It may go with others at the end of this turn of the event loop. False when it has to wait for the peer. */
  writeText(text: string): boolean
  /** Now. When false, the bytes must stay as they are until `onDrain`. */
  writeBytes(bytes: Buffer): boolean
  /** Head (or ''), payload and tail (or '') in one system call, where there is one for it. As `writeBytes`. */
  writeGathered(head: string, payload: Buffer, tail: string): boolean
  /** Says that no more will be written, after what was. `done` when the kernel has all of it; not when it breaks before. */
  end(done?: () => void): void
  /** Closes it once all that was written is out. */
  closeSoon(): void
  /** Closes it now; what is not out is dropped. */
  close(): void
  /** Closes it now with a TCP reset, so that the peer cannot take a cut message for a whole one. */
  reset(): void
}
