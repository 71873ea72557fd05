import type { Test } from 'tap'
import type { ListenerOptions } from '../../src/proxy/listener.ts'
import { TestDataPlane, type TestTime } from './data-plane.ts'
import { type AppParts, app, type SpaceParts, space } from './loopback-space.ts'
import { type DynoConnection, ScriptedDyno } from './scripted-dyno.ts'

export interface StageParts {
  /** What each dyno does with each connection; nothing by itself when left out. */
  readonly script?: (connection: DynoConnection) => void
  readonly dynos?: number
  readonly app?: AppParts
  readonly space?: Omit<SpaceParts, 'apps'>
  readonly listener?: Partial<ListenerOptions>
  readonly time?: TestTime
}

export interface Stage {
  readonly router: TestDataPlane
  /** The first one. */
  readonly dyno: ScriptedDyno
  readonly dynos: readonly ScriptedDyno[]
}

/** The app `shop` with scripted dynos behind a router of its own; all end with the test. */
export async function openStage(t: Test, parts: StageParts = {}): Promise<Stage> {
  const dynos = await Promise.all(Array.from({ length: parts.dynos ?? 1 }, () => ScriptedDyno.start(parts.script)))
  const ports = dynos.map(({ port }) => port)
  const apps = [app({ dynos: ports, ...parts.app })]
  const router = await TestDataPlane.start(space({ ...parts.space, apps }), parts.listener, parts.time)
  t.teardown(async () => {
    await router.stop()
    await Promise.all(dynos.map((dyno) => dyno.stop()))
  })
  return { router, dyno: dynos[0]!, dynos }
}

export const GET = 'GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n'

/** A request to the app with these further header lines (each with its CRLF), and what follows the head. */
export function request(method: string, lines = '', body = ''): string {
  return `${method} / HTTP/1.1\r\nHost: shop.example.com\r\n${lines}\r\n${body}`
}
