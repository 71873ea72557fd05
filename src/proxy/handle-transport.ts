import { getSystemErrorName } from 'node:util'
import { readLastWords } from './last-words.ts'
import { ReadBuffer } from './read-buffer.ts'
import { findInternals, type HandleRequest, type HandleUser, type TcpHandle } from './tcp-handle.ts'
import type { Transport, TransportOwner } from './transport.ts'
import { type TurnReader, type TurnWriter, turn } from './turn.ts'

/**
 * A connection on the handle that `net.Socket` is built on, without the stream machinery around it: for a request that passes through, two
 * stream writes and two reads cost as much as everything else that is done for it, and a socket with its two stream states holds 3 KiB.
 * Where the handles of Node are not as they should be (`tcp-handle.ts`) there is `SocketTransport`.
 */
export class HandleTransport implements Transport, HandleUser, TurnReader, TurnWriter {
  readonly reads = new ReadBuffer()
  #owner: TransportOwner | null = null
  /** null once it is closing. */
  #handle: TcpHandle | null
  #connecting: boolean
  /** Of one to a dyno: when it breaks, what the dyno said before is read all the same. */
  readonly #heedsLastWords: boolean
  #wantsReading = true
  #reading = false
  /** Something that it read waits for the end of the reads of this turn. */
  #kept = false
  /** Text that goes out at the end of this turn, or before the next other write. */
  #pendingText = ''
  /** Writes that the kernel did not take whole. */
  #unfinishedWrites = 0
  #end: End = End.open
  #peerEnded = false
  #closesSoon = false
  #broken = false
  #error = ''
  #whenEnded: (() => void) | null = null
  /** Kept from the handle when it closes. */
  #writtenBytes = 0

  private constructor(handle: TcpHandle, connecting: boolean) {
    this.#handle = handle
    this.#connecting = connecting
    this.#heedsLastWords = connecting
    handle.user = this
    handle.onread = onRead
  }

  /** One that was accepted; the handle is that of `onconnection`. */
  static accepted(handle: unknown): HandleTransport {
    return new HandleTransport(handle as TcpHandle, false)
  }

  /** Opens one to an IP address. That it cannot be opened is told by `onClose`. */
  static connect(address: string, port: number): HandleTransport {
    const { Tcp, ConnectRequest } = internals!
    const handle = new Tcp(TCP_CLIENT)
    const transport = new HandleTransport(handle, true)
    const request = new ConnectRequest()
    request.user = transport
    request.oncomplete = onConnected
    const status = address.includes(':')
      ? handle.connect6(request, address, port)
      : handle.connect(request, address, port)
    if (status !== 0) transport.#breakLater(status)
    return transport
  }

  get writable(): boolean {
    return this.#handle !== null && this.#end === End.open && !this.#broken
  }

  get unsentBytes(): number {
    const queued = this.#unfinishedWrites === 0 || this.#handle === null ? 0 : this.#handle.writeQueueSize
    return queued + this.#pendingText.length
  }

  get writtenBytes(): number {
    return this.#handle === null ? this.#writtenBytes : this.#handle.bytesWritten + this.#pendingText.length
  }

  get takenBytes(): number {
    return this.writtenBytes - this.unsentBytes
  }

  start(owner: TransportOwner): void {
    this.#owner = owner
    this.#handle?.useUserBuffer(this.reads.next()!)
    if (!this.#connecting) this.#startReading()
  }

  // --- Reading -------------------------------------------------------------------------------------------------------

  pause(): void {
    this.#wantsReading = false
    if (!this.#reading) return
    this.#reading = false
    this.#handle?.readStop()
  }

  resume(): void {
    this.#wantsReading = true
    if (!this.#connecting) this.#startReading()
  }

  #startReading(): void {
    const handle = this.#handle
    if (handle === null || this.#reading || !this.#wantsReading || this.#peerEnded) return
    this.#reading = true
    const status = handle.readStart()
    if (status !== 0) this.#breakLater(status)
  }

  /** The buffer for the next read; undefined: the same again. */
  received(result: number): Buffer | undefined {
    if (this.#handle === null || result === 0) return undefined
    const { reads } = this
    if (result > 0 && result <= SHORT_READ_BYTES && reads.shared) {
      this.#kept = true
      turn.keep(this, reads.current, result)
      return undefined
    }
    this.#deliverKept()
    if (this.#handle === null) return undefined
    if (result > 0) {
      this.#owner!.onRead(reads.current, 0, result)
      return reads.next()
    }
    const error = getSystemErrorName(result)
    if (error === 'EOF') this.#peerClosed()
    else this.#break(error)
    return undefined
  }

  /** What was read before goes first. */
  #deliverKept(): void {
    if (this.#kept) turn.deliver()
  }

  deliver(bytes: Buffer, start: number, end: number): void {
    this.#kept = false
    if (this.#handle !== null) this.#owner!.onRead(bytes, start, end)
  }

  #peerClosed(): void {
    this.#peerEnded = true
    this.#reading = false
    this.#owner!.onEnd()
    if (this.#end === End.ended) this.close()
  }

  // --- Writing -------------------------------------------------------------------------------------------------------

  writeText(text: string): boolean {
    if (!this.writable) return true
    if (turn.writing || this.#unfinishedWrites > 0) {
      this.writeOut()
      return this.#dispatched(this.#handle!.writeLatin1String(spareWrite, text), null)
    }
    const first = this.#pendingText === ''
    this.#pendingText += text
    // Requests that came ahead in one read can be answered hundreds of times in one turn: what a slow client does not take has to be told.
    if (this.#pendingText.length > MOST_PENDING_BYTES) return this.writeOut()
    if (first && text !== '') turn.add(this)
    return true
  }

  /** False when it has to wait for the peer. An end that was put off for the text comes right after it. */
  writeOut(): boolean {
    const through = this.#writePending()
    if (this.#end === End.wanted && this.#unfinishedWrites === 0) this.#finish()
    return through
  }

  #writePending(): boolean {
    const text = this.#pendingText
    if (text === '' || this.#handle === null) return true
    this.#pendingText = ''
    return this.#dispatched(this.#handle.writeLatin1String(spareWrite, text), null)
  }

  writeBytes(bytes: Buffer): boolean {
    if (!this.writable) return true
    this.writeOut()
    return this.#dispatched(this.#handle!.writeBuffer(spareWrite, bytes), bytes)
  }

  writeGathered(head: string, payload: Buffer, tail: string): boolean {
    if (head === '' && tail === '') return this.writeBytes(payload)
    if (!this.writable) return true
    this.writeOut()
    const pieces: (string | Buffer)[] = head === '' ? [] : [head, 'latin1']
    pieces.push(payload, 'buffer')
    if (tail !== '') pieces.push(tail, 'latin1')
    return this.#dispatched(this.#handle!.writev(spareWrite, pieces, false), payload)
  }

  /**
   * What the kernel takes at once, nearly everything, leaves the request object as it was, to be used again. What it does not take is queued with that
   * request; then nothing but the request keeps `bytes` alive.
   */
  #dispatched(status: number, bytes: Buffer | null): boolean {
    if (status !== 0) {
      this.#breakLater(status)
      return true
    }
    if (results[LAST_WRITE_WAS_ASYNC] === 0) return true
    const request = spareWrite
    spareWrite = new internals!.WriteRequest()
    request.oncomplete = onWritten
    request.user = this
    request.bytes = bytes
    this.#unfinishedWrites++
    return false
  }

  written(status: number): void {
    this.#unfinishedWrites--
    if (this.#handle === null) return
    if (status < 0) this.#break(getSystemErrorName(status))
    else if (this.#unfinishedWrites === 0) this.#drained()
  }

  #drained(): void {
    if (this.#end === End.wanted) this.#finish()
    this.#owner!.onDrain()
  }

  // --- The end -------------------------------------------------------------------------------------------------------

  end(done: () => void = () => {}): void {
    if (!this.writable) return
    this.#end = End.wanted
    this.#whenEnded = done
    // It goes with the text that waits for the end of this turn.
    if (this.#pendingText === '' || turn.writing) this.writeOut()
  }

  closeSoon(): void {
    this.#closesSoon = true
    if (this.writable) this.end()
    else if (this.#unfinishedWrites === 0 && this.#end !== End.wanted && this.#end !== End.underWay) this.close()
  }

  /** All is with the kernel. libuv would queue a shutdown behind writes too, but a handle that waits for that cannot be reset any more. */
  #finish(): void {
    if (this.#handle === null || this.#broken) return
    if (this.#closesSoon) this.close()
    else this.#shutDown()
  }

  #shutDown(): void {
    const request = new internals!.ShutdownRequest()
    request.user = this
    request.oncomplete = onShutDown
    this.#end = End.underWay
    const status = this.#handle!.shutdown(request)
    if (status < 0) this.#breakLater(status)
  }

  shutDown(status: number): void {
    if (this.#handle === null) return
    // The peer may have broken it meanwhile, which the next read tells.
    this.#end = End.ended
    if (status === 0) this.#whenEnded?.()
    if (this.#peerEnded || this.#closesSoon) this.close()
  }

  close(): void {
    const handle = this.#letGo()
    handle?.close(onClosed)
  }

  reset(): void {
    // While a shutdown is under way libuv refuses a reset; everything is with the kernel then.
    const orderly = this.#connecting || this.#end === End.underWay
    const handle = this.#letGo()
    if (orderly) handle?.close(onClosed)
    else handle?.reset(onClosed)
  }

  #letGo(): TcpHandle | null {
    const handle = this.#handle
    if (handle === null) return null
    this.#writePending()
    this.#writtenBytes = handle.bytesWritten
    this.#handle = null
    this.#reading = false
    return handle
  }

  closed(): void {
    this.#owner?.onClose(this.#error)
  }

  connected(status: number): void {
    const handle = this.#handle
    if (handle === null) return
    if (status !== 0) {
      this.#break(getSystemErrorName(status))
      return
    }
    this.#connecting = false
    handle.setNoDelay(true)
    this.#owner!.onConnect()
    this.#startReading()
  }

  /** The caller is in the middle of something and looks no further than at `writable`. */
  #breakLater(status: number): void {
    if (this.#broken) return
    this.#broken = true
    process.nextTick(() => this.#break(getSystemErrorName(status)))
  }

  #break(error: string): void {
    this.#deliverKept()
    if (this.#handle === null) return
    this.#broken = true
    this.#error = error
    if (this.#heedsLastWords && !this.#connecting) {
      readLastWords(this.#handle.fd, (count, bytes) => {
        this.#owner!.onRead(bytes, 0, count)
        return this.#handle !== null && this.#wantsReading
      })
    }
    this.close()
  }
}

/** Heads and what is as short: to copy them costs less than to look at each between two system calls. */
const SHORT_READ_BYTES = 2_048
/** Texts of one turn that wait for its end. */
const MOST_PENDING_BYTES = 16_384

/** Of the writing side. */
const End = { open: 0, wanted: 1, underWay: 2, ended: 3 } as const
type End = (typeof End)[keyof typeof End]

/** lib/net.js: `new TCP(TCPConstants.SOCKET)`. */
const TCP_CLIENT = 0

const internals = findInternals()
/** False: use `SocketTransport`. */
export const HANDLES_USABLE = internals !== null

/** `streamBaseState`: what the last call of any handle came to. */
const results = internals?.results ?? new Int32Array(0)
const READ_RESULT = internals?.readResult ?? 0
const LAST_WRITE_WAS_ASYNC = internals?.lastWriteWasAsync ?? 0

/** A write needs a request object, which it takes only when the kernel does not take the bytes. */
let spareWrite = internals === null ? (null as unknown as HandleRequest) : new internals.WriteRequest()

// One function each for all connections: a handle and a request know their transport.

function onRead(this: TcpHandle): Buffer | undefined {
  return this.user.received(results[READ_RESULT]!)
}

function onWritten(this: HandleRequest, status: number): void {
  this.user.written(status)
}

function onShutDown(this: HandleRequest, status: number): void {
  this.user.shutDown(status)
}

function onConnected(this: HandleRequest, status: number): void {
  this.user.connected(status)
}

function onClosed(this: TcpHandle): void {
  this.user.closed()
}
