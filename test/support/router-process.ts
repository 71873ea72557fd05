import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { DynoRow } from '../../src/control/admin/dyno-rows.ts'
import type { ProcessRow, ProcessTable } from '../../src/control/admin/operations.ts'
import { type AdminAnswer, askAdmin, type Method } from './ask-admin.ts'
import { RawClient } from './raw-client.ts'

const CLI = resolve(import.meta.dirname, '../../src/cli.ts')
const READY_MS = 60_000

/** A router as operators run it: supervisor, control and workers, with a configuration file of its own. */
export class RouterProcess {
  readonly directory: string
  readonly child: ChildProcess
  readonly port: number
  readonly #text: (apps: string, more: string) => string
  #log = ''
  #workers: readonly number[] = []

  private constructor(
    directory: string,
    child: ChildProcess,
    port: number,
    text: (apps: string, more: string) => string,
  ) {
    this.directory = directory
    this.child = child
    this.port = port
    this.#text = text
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#log += chunk
    })
  }

  /**
   * `apps` is YAML, indented by two; domains and dynos are the caller's. `more` are further keys. `cidr` is of the space. `cli`: another
   * copy of the program. `descriptors`: how many each process may open. `startMs`: how long it may take until everything is up.
   */
  static async start(
    apps: string,
    { more = 'workers: 1', cidr = '127.10.0.0/16', cli = CLI, descriptors = 0, startMs = READY_MS } = {},
  ): Promise<RouterProcess> {
    const directory = mkdtempSync(join(tmpdir(), 'postern-'))
    const port = await freePort()
    const text = (apps: string, more: string) => `space: { name: soak, cidr: ${cidr} }
listeners:
  - { name: public, address: "127.0.0.1:${port}", exposure: public }
dns: { address: "127.0.0.1:0", ttl: 1s }
admin: { address: "unix:admin.sock" }
log: { access: access.log }
${more}
apps:
${apps}`
    writeFileSync(join(directory, 'space.yml'), text(apps, more))
    const command = [process.execPath, cli, 'start', '--config', join(directory, 'space.yml')]
    if (descriptors > 0) command.unshift('sh', '-c', `ulimit -n ${descriptors}; exec "$0" "$@"`)
    const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] })
    const router = new RouterProcess(directory, child, port, text)
    await router.#ready(startMs)
    return router
  }

  client(): Promise<RawClient> {
    return RawClient.connect(this.port)
  }

  /** The file as it would be with these; `write` writes it. */
  text(apps: string, more = 'workers: 1'): string {
    return this.#text(apps, more)
  }

  get file(): string {
    return join(this.directory, 'space.yml')
  }

  write(apps: string, more = 'workers: 1'): void {
    writeFileSync(this.file, this.text(apps, more))
  }

  /** Resident memory in bytes, as Linux counts it, of the workers that it began with. */
  residentBytes(): number {
    const bytes = this.#workers.map((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024
    })
    return bytes.reduce((sum, each) => sum + each, 0)
  }

  async metrics(): Promise<string> {
    return (await this.admin('/metrics')).text
  }

  /** Sum of the series whose line begins so. */
  async metric(beginning: string): Promise<number> {
    const lines = (await this.metrics()).split('\n').filter((line) => line.startsWith(beginning))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }

  async dynos(): Promise<DynoRow[]> {
    return JSON.parse((await this.admin('/dynos')).text)
  }

  async table(): Promise<ProcessTable> {
    return JSON.parse((await this.admin('/processes')).text)
  }

  async processes(): Promise<readonly ProcessRow[]> {
    return (await this.table()).processes
  }

  /** Process ids by name, of those that are up. */
  async pid(name: string): Promise<number> {
    return (await this.processes()).find((row) => row.name === name && row.state === 'up')?.pid ?? -1
  }

  accessLog(): string {
    return readFileSync(join(this.directory, 'access.log'), 'latin1')
  }

  /** What the router itself has said so far. */
  get log(): string {
    return this.#log
  }

  /** Asks again and again, for at most a minute unless said otherwise: for states that no event tells of from outside. */
  async until(condition: () => Promise<boolean> | boolean, withinMs = READY_MS): Promise<void> {
    const deadlineMs = performance.now() + withinMs
    // While control is replaced there is nobody to ask.
    while (!(await Promise.resolve(condition()).catch(() => false))) {
      if (performance.now() > deadlineMs)
        throw new Error(`not so after ${withinMs / 1000} s: ${condition}\n${this.log}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async admin(path: string, method: 'GET' | 'POST' = 'GET'): Promise<{ status: number; text: string }> {
    const { status, text } = await this.change(method, path)
    return { status, text }
  }

  /** Asks the admin API; `body` goes as JSON. */
  change(method: Method, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<AdminAnswer> {
    return askAdmin(join(this.directory, 'admin.sock'), method, path, body, headers)
  }

  async stop(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exit = once(this.child, 'exit')
      this.child.kill('SIGTERM')
      await exit
    }
    rmSync(this.directory, { recursive: true, force: true })
    return this.child.exitCode
  }

  async #ready(withinMs: number): Promise<void> {
    const ended = once(this.child, 'exit').then(([code]) => {
      throw new Error(`the router ended with ${code}: ${this.log}`)
    })
    ended.catch(() => {})
    await Promise.race([
      ended,
      this.until(async () => {
        if ((await this.admin('/readyz')).status !== 200) return false
        const workers = (await this.processes()).filter(({ name }) => name.startsWith('worker'))
        this.#workers = workers.map(({ pid }) => pid)
        return workers.every(({ state }) => state === 'up') && (await this.dynos()).every(({ state }) => state === 'up')
      }, withinMs),
    ])
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
