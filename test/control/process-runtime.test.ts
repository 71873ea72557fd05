import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import t from 'tap'
import { ProcessRuntime } from '../../src/control/runtimes/process.ts'
import type { Launch } from '../../src/control/runtimes/runtime.ts'
import { LaunchError } from '../../src/control/runtimes/runtime.ts'
import { address } from './loopback.ts'
import { gone, isAlive } from './processes.ts'

const NODE = process.execPath

const runtime = new ProcessRuntime({ graceMs: 5000, log: pino({ level: 'silent' }) })
t.teardown(() => runtime.close())

const base: Launch = {
  app: 'shop',
  processType: 'web',
  number: 1,
  release: 'v1',
  az: 'a',
  address: address(1, 1),
  port: 5000,
  command: '',
  cwd: import.meta.dirname,
  exec: null,
  env: {},
}

/** Starts a command; `line` resolves with the next thing that it prints. */
async function launch(command: string, more: Partial<Launch> = {}) {
  const lines: string[] = []
  let wake = () => {}
  const instance = await runtime.launch({ ...base, ...more, command }, (line) => {
    lines.push(line)
    wake()
  })
  t.teardown(() => instance.kill())
  const line = async (): Promise<string> => {
    while (lines.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return lines.shift()!
  }
  return { instance, line, lines }
}

t.test('what a program prints arrives line by line, from both streams, up to its last word', async (t) => {
  const { instance, lines } = await launch(
    `${NODE} -e 'console.log("out"); console.error("err"); process.stdout.write("end")'`,
  )
  t.equal(await instance.ended, 'exited with status 0')
  t.same([...lines].sort(), ['end', 'err', 'out'])
})

t.test('the environment is what it is told, what every program needs, and nothing else of the router', async (t) => {
  process.env.POSTERN_SECRET = 'hush'
  t.teardown(() => delete process.env.POSTERN_SECRET)
  const { line } = await launch(`${NODE} -p 'JSON.stringify(process.env)'`, { env: { PORT: '5000', DYNO: 'web.1' } })
  const env = JSON.parse(await line())
  t.match(env, { PORT: '5000', DYNO: 'web.1', PATH: process.env.PATH })
  const allowed = /^(?:PORT|DYNO|PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR)$/
  t.same(
    Object.keys(env).filter((name) => !allowed.test(name)),
    [],
  )
})

t.test('a command that needs a shell gets one, and the program takes its place', async (t) => {
  const { instance, line } = await launch('node -e "console.log(process.pid, process.argv[1])" "$GREETING"', {
    env: { GREETING: 'hello', PATH: `${NODE.replace(/\/[^/]+$/, '')}:${process.env.PATH}` },
  })
  t.match(await line(), /^\d+ hello$/)
  t.equal(await instance.ended, 'exited with status 0')
  const killed = await launch(`exec ${NODE} -e 'process.kill(process.pid, "SIGKILL")'`)
  t.equal(await killed.instance.ended, 'killed by SIGKILL')
})

t.test('SIGTERM reaches a program behind a shell, which may take its time', async (t) => {
  const program =
    'process.on("SIGTERM", () => setTimeout(() => { console.log("done"); process.exit(0) }, 100)); console.log("up"); setInterval(() => {}, 1e6)'
  const { instance, line } = await launch(`true && ${NODE} -e '${program}'`)
  t.equal(await line(), 'up')
  const stopped = instance.stop(20_000)
  t.equal(await line(), 'done')
  await stopped
})

t.test('a program that ignores SIGTERM is killed after the grace time, with all that it started', async (t) => {
  const program = `process.on("SIGTERM", () => {}); const { pid } = require("child_process").spawn("sleep", ["1000"]); console.log(pid); setInterval(() => {}, 1e6)`
  const { instance, line } = await launch(`${NODE} -e '${program}'`)
  const child = Number(await line())
  t.ok(isAlive(child))
  t.equal(await instance.stop(50), 'killed by SIGKILL')
  await gone(child)
})

t.test('a program that crashes leaves none of its children behind', async (t) => {
  const program = `const { pid } = require("child_process").spawn("sleep", ["1000"], { stdio: "inherit" }); console.log(pid); setInterval(() => {}, 1e6)`
  const { instance, line } = await launch(`${NODE} -e '${program}'`)
  const child = Number(await line())
  execFileSync('sh', ['-c', `kill -9 $(ps -o ppid= -p ${child})`])
  t.equal(await instance.ended, 'killed by SIGKILL')
  await gone(child)
})

t.test('what cannot be started says why, in words', async (t) => {
  const cases: [Partial<Launch> & { command: string }, RegExp][] = [
    [{ command: 'no-such-program-anywhere' }, /no such program: no-such-program-anywhere/],
    [{ command: 'true', cwd: '/no/such/folder' }, /its directory \/no\/such\/folder does not exist/],
    [{ command: import.meta.filename }, /not a program that may be run/],
    [{ command: 'say "hello' }, /a double quote does not end/],
    [{ command: 'true', address: '192.0.2.1' }, /this machine does not have its address 192\.0\.2\.1/],
  ]
  for (const [wrong, message] of cases) {
    await t.rejects(
      runtime.launch({ ...base, ...wrong }, () => {}),
      { name: 'LaunchError', message, portTaken: false },
    )
  }
})

t.test('a port that somebody else listens on is told apart: another one may do', async (t) => {
  for (const host of [base.address, '0.0.0.0']) {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    t.teardown(() => server.close())
    const { port } = server.address() as { port: number }
    await t.rejects(
      runtime.launch({ ...base, port, command: 'true' }, () => {}),
      new LaunchError(`${base.address}:${port} is in use`, true),
    )
  }
})

t.test('when the router is killed its dynos end too, those that ignore SIGTERM as well', async (t) => {
  const router = spawn(NODE, [fileURLToPath(new URL('killed-router.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => router.kill('SIGKILL'))
  let printed = ''
  const pids: number[] = []
  for await (const chunk of router.stdout) {
    printed += chunk
    pids.splice(0, pids.length, ...[...printed.matchAll(/pid (\d+)\n/g)].map(([, pid]) => Number(pid)))
    if (pids.length === 3) break
  }
  t.ok(pids.every(isAlive))
  router.kill('SIGKILL')
  await Promise.all(pids.map(gone))
})
