// The handles of Node that `HandleTransport` works on: no public interface. What is relied upon is what lib/net.js and lib/internal/stream_base_commons.js do
// with them, the same in Node 22, 24 and 26: the constructors of `process.binding`, and an array in which the last call left its result.

/** Whom a handle, or a request to one, tells what became of it. */
export interface HandleUser {
  /** Statuses here and below are 0 or a negative error number of libuv; this one is the count of bytes when it is positive. */
  received(result: number): Buffer | undefined
  written(status: number): void
  shutDown(status: number): void
  connected(status: number): void
  closed(): void
}

/** `TCPWrap`. Statuses are 0 or a negative error number of libuv. */
export interface TcpHandle {
  user: HandleUser
  onread: (this: TcpHandle) => Buffer | undefined
  readonly fd: number
  /** Handed over by the writer, taken by the kernel or not. */
  readonly bytesWritten: number
  readonly writeQueueSize: number
  useUserBuffer(buffer: Buffer): void
  readStart(): number
  readStop(): number
  writeLatin1String(request: HandleRequest, text: string): number
  writeBuffer(request: HandleRequest, bytes: Buffer): number
  /** Pieces with their encodings, in turn. */
  writev(request: HandleRequest, pieces: readonly (string | Buffer)[], allBuffers: false): number
  connect(request: HandleRequest, address: string, port: number): number
  connect6(request: HandleRequest, address: string, port: number): number
  setNoDelay(on: boolean): number
  shutdown(request: HandleRequest): number
  reset(closed: (this: TcpHandle) => void): number
  close(closed: (this: TcpHandle) => void): void
}

export interface HandleRequest {
  user: HandleUser
  bytes: Buffer | null
  oncomplete: (this: HandleRequest, status: number) => void
}

interface Internals {
  readonly Tcp: new (type: number) => TcpHandle
  readonly ConnectRequest: new () => HandleRequest
  readonly WriteRequest: new () => HandleRequest
  readonly ShutdownRequest: new () => HandleRequest
  readonly results: Int32Array
  readonly readResult: number
  readonly lastWriteWasAsync: number
}

/** null: this Node has not got what is needed, or forbids it. */
export function findInternals(): Internals | null {
  try {
    const { binding } = process as unknown as { binding(name: string): Record<string, unknown> }
    const stream = binding('stream_wrap')
    const tcp = binding('tcp_wrap')
    const found = {
      Tcp: tcp.TCP,
      ConnectRequest: tcp.TCPConnectWrap,
      WriteRequest: stream.WriteWrap,
      ShutdownRequest: stream.ShutdownWrap,
      results: stream.streamBaseState,
      readResult: stream.kReadBytesOrError,
      lastWriteWasAsync: stream.kLastWriteWasAsync,
    } as Internals
    const { Tcp, ConnectRequest, WriteRequest, ShutdownRequest } = found
    const constructors = [Tcp, ConnectRequest, WriteRequest, ShutdownRequest].every((one) => typeof one === 'function')
    const methods: readonly (keyof TcpHandle)[] = [
      'useUserBuffer',
      'readStart',
      'readStop',
      'writeLatin1String',
      'writeBuffer',
      'writev',
      'connect',
      'connect6',
      'setNoDelay',
      'shutdown',
      'reset',
      'close',
    ]
    if (!constructors || !(found.results instanceof Int32Array)) return null
    if (![found.readResult, found.lastWriteWasAsync].every((place) => place < found.results.length)) return null
    return methods.every((method) => typeof Tcp.prototype[method] === 'function') ? found : null
  } catch {
    return null
  }
}
