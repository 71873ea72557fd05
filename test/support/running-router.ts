import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { formatProblem } from '../../src/config/problems.ts'
import type { DynoRow } from '../../src/control/admin/dyno-rows.ts'
import { createRouter, type Router } from '../../src/router.ts'
import { type AdminAnswer, askAdmin, type Method } from './ask-admin.ts'
import { RawClient } from './raw-client.ts'

/** A whole router, both planes, through its library door: for tests of promises. */
export class RunningRouter {
  readonly router: Router
  readonly directory: string

  private constructor(router: Router, directory: string) {
    this.router = router
    this.directory = directory
  }

  /**
   * `yaml` is a space file without `admin`, `log` and `dns`; a listener named `public` is required. Resolves once every dyno that runs here is
   * up, unless `waitForDynos` is false.
   */
  static async start(yaml: string, { waitForDynos = true } = {}): Promise<RunningRouter> {
    const directory = mkdtempSync(join(tmpdir(), 'postern-'))
    const running = new RunningRouter(createRouter(checked(yaml, directory)), directory)
    await running.router.start()
    if (waitForDynos) await running.until(async () => (await running.dynos()).every(({ state }) => state === 'up'))
    return running
  }

  /** As a reload of the file would. */
  apply(yaml: string): Promise<void> {
    return this.router.apply(checked(yaml, this.directory))
  }

  /** Port of a listener. */
  port(listener = 'public'): number {
    return Number(this.router.addresses.listeners[listener]!.split(':').at(-1))
  }

  get dnsPort(): number {
    return Number(this.router.addresses.dns.split(':').at(-1))
  }

  client(from?: string, listener?: string): Promise<RawClient> {
    return RawClient.connect(this.port(listener), from)
  }

  /** What `postern ps` shows. */
  async dynos(): Promise<DynoRow[]> {
    return JSON.parse(await this.admin('/dynos')) as DynoRow[]
  }

  async admin(path: string): Promise<string> {
    return (await this.change('GET', path)).text
  }

  /** Asks the admin API; `body` goes as JSON. */
  change(method: Method, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<AdminAnswer> {
    return askAdmin(join(this.directory, 'admin.sock'), method, path, body, headers)
  }

  logLines(): string[] {
    return readFileSync(join(this.directory, 'access.log'), 'latin1').split('\n').slice(0, -1)
  }

  /** Asks again and again, for at most 20 s: for states that no event tells of from outside. */
  async until(condition: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + 20_000
    while (!(await condition())) {
      if (performance.now() > deadlineMs) throw new Error(`not so after 20 s: ${condition.toString()}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  async stop(): Promise<void> {
    await this.router.stop({ hurry: true })
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function checked(yaml: string, directory: string): Config {
  const result = parseConfig(
    `${yaml}\nadmin: { address: "unix:admin.sock" }\nlog: { access: access.log, level: error }\ndns: { address: "127.0.0.1:0", ttl: 1s }\n`,
    join(directory, 'space.yml'),
  )
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'))
  return result.config
}
