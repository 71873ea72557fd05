import { type BodyFraming, chunkHead, LAST_CHUNK } from '../wire/body-framing.ts'
import { giveBack, type ReadBuffer, takeBuffer } from './read-buffer.ts'
import type { Transport, TransportOwner } from './transport.ts'

/** Up to this size to make a text is cheaper than to fill a buffer. */
const TEXT_WRITE_BYTES = 1_500
/** Most heads fit into what a copy is given beyond its payload. */
const PAGE_BYTES = 4096

/** What must not stay in a read buffer is copied into this one. One that the kernel does not take at once is replaced. */
let scratch = takeBuffer()

/**
 * What the connections of both peers share: writing heads and payload in as few system calls as possible, and
 * back-pressure. While more waits for this peer than its high-water mark, the peer that feeds it is not read.
 */
export abstract class PeerSocket implements TransportOwner {
  protected readonly transport: Transport
  /** The peer whose bytes are written here; it is paused while this one is congested. */
  feeder: PeerSocket | null = null
  readonly #highWaterBytes: number
  #paused = false
  #congested = false
  /** Buffers that writes refer to which are not through; null as a rule. */
  #borrowed: Buffer[] | null = null

  constructor(transport: Transport, highWaterBytes: number) {
    this.transport = transport
    this.#highWaterBytes = highWaterBytes
  }

  abstract onRead(bytes: Buffer, start: number, end: number): void

  onConnect(): void {
    this.run(this.connected)
  }

  onEnd(): void {
    this.run(this.peerEnded)
  }

  onDrain(): void {
    this.run(this.drained)
  }

  onClose(error: string): void {
    try {
      this.closed(error)
    } catch (bug) {
      this.failed(bug)
    }
  }

  /** Does what an event asks for. A bug ends this connection and its exchange, and nothing else. */
  protected run(step: () => void): void {
    try {
      step.call(this)
    } catch (error) {
      this.failed(error)
    }
  }

  /** After a bug: nobody knows what state this is in, so it is given up. */
  protected abstract failed(error: unknown): void

  /** True from the write that reached the high-water mark until all of it was handed to the kernel. */
  get congested(): boolean {
    return this.#congested && this.transport.writable
  }

  /** Bytes that the kernel has not taken. */
  get unsentBytes(): number {
    return this.transport.unsentBytes
  }

  /** Bytes that the kernel has taken. */
  get takenBytes(): number {
    return this.transport.takenBytes
  }

  /** Bytes written since the connection opened. */
  get writtenBytes(): number {
    return this.transport.writtenBytes
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.transport.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.transport.resume()
  }

  get reads(): ReadBuffer {
    return this.transport.reads
  }

  get paused(): boolean {
    return this.#paused
  }

  writeText(text: string): void {
    if (!this.transport.writeText(text)) this.#queued()
  }

  /** What the feeder just read into `bytes`. */
  writeBytes(bytes: Buffer, start: number, end: number): void {
    if (!this.transport.writable || end <= start) return
    if (end - start <= TEXT_WRITE_BYTES) this.writeText(bytes.latin1Slice(start, end))
    else if (this.#mayBorrow()) this.#lent(bytes, this.transport.writeBytes(bytes.subarray(start, end)))
    else this.#writeCopy('', bytes, [start, end], 1, '', end - start)
  }

  /** A head (or '') and payload that was kept for this write: nobody changes it. `chunked` re-frames it as one chunk. */
  writeHeld(head: string, payload: Buffer | null, chunked: boolean, ended: boolean, trailers: string): void {
    if (!this.transport.writable) return
    const size = payload === null ? 0 : payload.length
    const before = chunked && size > 0 ? head + chunkHead(size) : head
    const after = chunked ? chunkTail(size, ended, trailers) : ''
    if (payload === null || before.length + size + after.length <= TEXT_WRITE_BYTES) {
      const text = before + (payload === null ? '' : payload.latin1Slice(0, size)) + after
      if (text.length > 0) this.writeText(text)
      return
    }
    if (!this.transport.writeGathered(before, payload, after)) this.#queued()
  }

  /** A head (or '') and the payload that `body` found in what the feeder just read into `bytes`, re-framed. */
  writePayload(head: string, bytes: Buffer, body: BodyFraming, chunked: boolean): void {
    if (!this.transport.writable) return
    const size = body.payloadBytes
    const before = chunked && size > 0 ? head + chunkHead(size) : head
    const after = chunked ? chunkTail(size, body.ended, body.trailers) : ''
    const total = before.length + size + after.length
    if (total === 0) return
    if (total <= TEXT_WRITE_BYTES) {
      let text = before
      for (let i = 0; i < body.rangeCount; i++) text += bytes.latin1Slice(body.ranges[2 * i], body.ranges[2 * i + 1])
      this.writeText(text + after)
      return
    }
    if (body.rangeCount === 1 && this.#mayBorrow()) {
      const payload = bytes.subarray(body.ranges[0], body.ranges[1])
      this.#lent(bytes, this.transport.writeGathered(before, payload, after))
      return
    }
    this.#writeCopy(before, bytes, body.ranges, body.rangeCount, after, total)
  }

  /** `ranges` of `bytes`, as they are in a BodyFraming, between two texts; `total` bytes in all. */
  #writeCopy(
    before: string,
    bytes: Buffer,
    ranges: ArrayLike<number>,
    rangeCount: number,
    after: string,
    total: number,
  ): void {
    // Between two addresses at the same place of a page some processors copy twenty times slower (glibc bug 30994). Large buffers begin at the same
    // place, so what goes into this one begins elsewhere.
    const start = (ranges[0]! - before.length + PAGE_BYTES / 2) & (PAGE_BYTES - 1)
    const large = start + total > scratch.length
    const target = large ? Buffer.allocUnsafeSlow(start + total) : scratch
    let at = start + target.latin1Write(before, start)
    for (let i = 0; i < rangeCount; i++) at += bytes.copy(target, at, ranges[2 * i], ranges[2 * i + 1])
    at += target.latin1Write(after, at)
    if (this.transport.writeBytes(target.subarray(start, at))) return
    if (!large) {
      scratch = takeBuffer()
      this.#borrowed ??= []
      this.#borrowed.push(target)
    }
    this.#queued()
  }

  /** A TCP reset instead of an orderly end, so that the peer cannot take a cut message for a whole one. */
  reset(): void {
    this.transport.reset()
  }

  protected abstract connected(): void
  /** The peer closed its side. */
  protected abstract peerEnded(): void
  /** `error` names what broke the connection, as `ECONNRESET`; '' nothing did. */
  protected abstract closed(error: string): void

  /** The kernel has all that was written. */
  protected drained(): void {
    if (this.#borrowed !== null) {
      for (const buffer of this.#borrowed) giveBack(buffer)
      this.#borrowed = null
    }
    if (!this.#congested) return
    this.#congested = false
    this.feeder?.resume()
  }

  /** The shared read buffer is overwritten by the next read of any socket: a write that may end after that needs a copy. */
  #mayBorrow(): boolean {
    return this.feeder?.reads.own ?? false
  }

  /** Most writes are through at once, and the feeder reads into the same buffer again. */
  #lent(bytes: Buffer, through: boolean): void {
    if (through) return
    this.feeder!.reads.lend()
    this.#borrowed ??= []
    this.#borrowed.push(bytes)
    this.#queued()
  }

  /** A write waits for the peer. */
  #queued(): void {
    if (this.transport.unsentBytes < this.#highWaterBytes) return
    this.#congested = true
    this.feeder?.pause()
  }
}

function chunkTail(size: number, ended: boolean, trailers: string): string {
  if (!ended) return size > 0 ? '\r\n' : ''
  const last = trailers === '' ? LAST_CHUNK : `0\r\n${trailers}\r\n`
  return size > 0 ? `\r\n${last}` : last
}
