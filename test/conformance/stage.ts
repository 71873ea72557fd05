import type { Test } from 'tap'
import type { ListenerOptions } from '../../src/proxy/listener.ts'
import { TestDataPlane, type TestTime } from '../support/data-plane.ts'
import { type AppParts, app, type SpaceParts, space } from '../support/loopback-space.ts'
import type { RawAnswer, RawClient } from '../support/raw-client.ts'
import { type Answer, RecordingDyno } from './recording-dyno.ts'

export interface StageParts {
  readonly answer?: Answer
  readonly app?: Omit<AppParts, 'dynos'>
  readonly space?: Omit<SpaceParts, 'apps'>
  readonly listener?: Partial<ListenerOptions>
  /** Stands still unless said otherwise: nothing here may depend on how long the test takes. */
  readonly time?: TestTime
}

export const HOST = 'shop.example.com'

/** A router, one dyno of the app `shop` behind it, and clients in front, all by bytes. */
export class Stage {
  readonly router: TestDataPlane
  readonly dyno: RecordingDyno
  readonly clients: RawClient[] = []
  static #opened: Stage[] = []

  constructor(router: TestDataPlane, dyno: RecordingDyno) {
    this.router = router
    this.dyno = dyno
  }

  /** `rule` closes it when its test is over. */
  static async open(parts: StageParts = {}): Promise<Stage> {
    const dyno = await RecordingDyno.start(parts.answer)
    const apps = [app({ ...parts.app, dynos: [dyno.port] })]
    const stage = new Stage(
      await TestDataPlane.start(space({ ...parts.space, apps }), parts.listener, parts.time ?? 'stopped'),
      dyno,
    )
    Stage.#opened.push(stage)
    return stage
  }

  async client(from?: string): Promise<RawClient> {
    const client = await this.router.client(from)
    this.clients.push(client)
    return client
  }

  /** One request on a connection of its own. */
  async ask(bytes: string | Buffer, method = 'GET'): Promise<RawAnswer> {
    const client = await this.client()
    client.send(bytes)
    const answer = await client.answer(method)
    client.close()
    return answer
  }

  /** The newest line of the access log: an exchange is logged before its client can see the end of it. */
  get lastLine(): string {
    return this.router.lines.at(-1) ?? ''
  }

  /**
   * Sends the bytes on a connection of their own: the router must answer with this status and nothing else, close the connection in an
   * orderly way, and say why in the log. Returns the answer.
   */
  async refused(t: Test, bytes: string | Buffer, status: number, cause?: string): Promise<RawAnswer> {
    const name = JSON.stringify(typeof bytes === 'string' ? bytes : bytes.toString('latin1')).slice(0, 120)
    const client = await this.client()
    client.send(bytes)
    const ending = await client.ended()
    const answer = await client
      .answer(/^HEAD /.test(bytes.toString()) ? 'HEAD' : 'GET')
      .catch((error: Error) => ({ status: error.message, headers: new Map() }))
    const found = {
      status: answer.status,
      connection: answer.headers.get('connection'),
      after: client.text,
      ending,
      code: / code=(\w+) /.exec(this.lastLine)?.[1],
      cause: cause === undefined ? undefined : /cause="([^"]*)"/.exec(this.lastLine)?.[1],
      logged: Number(/ status=(\d*) /.exec(this.lastLine)?.[1]),
    }
    t.strictSame(
      found,
      { status, connection: ['close'], after: '', ending: 'end', code: 'H26', cause, logged: status },
      name,
    )
    return answer as RawAnswer
  }

  /** No dyno connection carried a single byte. */
  untouched(t: Test): void {
    t.equal(this.dyno.everything, '', 'no byte reached the dyno')
  }

  /** Closes the stages of a test, and holds what is true of every one of them. */
  static async closeAll(t: Test): Promise<void> {
    for (const { router, dyno, clients } of Stage.#opened.splice(0)) {
      const { port } = dyno
      for (const client of clients) client.close()
      await router.stop()
      await dyno.stop()
      t.strictSame(dyno.faults, [], 'the dyno was sent well-formed requests only')
      t.equal(router.plane.pools.inFlight(`dyno at ${port}`), 0, 'no request is counted any more')
    }
  }
}

/** Lets what was written on loopback be read: three turns of the event loop that router, clients and dyno share. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** A request to the app; header lines end with CRLF. */
export function get(path = '/', lines = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${lines}\r\n`
}

export function post(body: string, lines = `Content-Length: ${body.length}\r\n`, path = '/'): string {
  return `POST ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${lines}\r\n${body}`
}
