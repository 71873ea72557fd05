import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Client } from 'undici'
import { RawClient } from './raw-client.ts'

/** A router as operators run it: a process of its own, with a configuration file of its own. For scripts that measure. */
export class RouterProcess {
  readonly directory: string
  readonly child: ChildProcess
  readonly port: number

  private constructor(directory: string, child: ChildProcess, port: number) {
    this.directory = directory
    this.child = child
    this.port = port
  }

  /** `apps` is YAML, indented by two; domains and dynos are the caller's. `more` is YAML, not indented. `descriptors`: how many it may open. */
  static async start(apps: string, { more = '', descriptors = 0 } = {}): Promise<RouterProcess> {
    const directory = mkdtempSync(join(tmpdir(), 'postern-'))
    const port = await freePort()
    const file = join(directory, 'space.yml')
    writeFileSync(
      file,
      `space: { name: soak, cidr: 127.10.0.0/16 }
listeners:
  - { name: public, address: "127.0.0.1:${port}", exposure: public }
dns: { address: "127.0.0.1:0" }
admin: { address: "unix:admin.sock" }
log: { access: access.log }
${more}
apps:
${apps}`,
    )
    const cli = resolve(import.meta.dirname, '../../src/cli.ts')
    const command = [process.execPath, cli, 'start', '--config', file]
    if (descriptors > 0) command.unshift('sh', '-c', `ulimit -n ${descriptors}; exec "$0" "$@"`)
    const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] })
    const router = new RouterProcess(directory, child, port)
    await router.#ready()
    return router
  }

  client(): Promise<RawClient> {
    return RawClient.connect(this.port)
  }

  /** Resident memory in bytes, as Linux counts it. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024
  }

  metrics(): Promise<string> {
    return this.#admin('/metrics').then(({ text }) => text)
  }

  accessLog(): string {
    return readFileSync(join(this.directory, 'access.log'), 'latin1')
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGTERM')
      await once(this.child, 'exit')
    }
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #ready(): Promise<void> {
    for (let i = 0; i < 400; i++) {
      if (this.child.exitCode !== null) throw new Error(`the router ended with ${this.child.exitCode}`)
      const { status } = await this.#admin('/readyz').catch(() => ({ status: 0 }))
      if (status === 200) return
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error('the router is not ready after 10 s')
  }

  async #admin(path: string): Promise<{ status: number; text: string }> {
    const client = new Client('http://postern', { socketPath: join(this.directory, 'admin.sock') })
    try {
      const answer = await client.request({ path, method: 'GET' })
      return { status: answer.statusCode, text: await answer.body.text() }
    } finally {
      await client.close()
    }
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
