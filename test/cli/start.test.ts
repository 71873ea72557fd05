import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { CIDR } from '../control/loopback.ts'
import { gone, isAlive } from '../control/processes.ts'
import { postern, run } from './postern.ts'

type Tap = { teardown(end: () => unknown): void }

/** A space whose one dyno says its process id; with `stubborn` it ignores SIGTERM. */
async function spaceFile(t: Tap, { stubborn = false, more = '' } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const program = [
    'const { HEROKU_PRIVATE_IP, PORT } = process.env',
    stubborn ? 'process.on("SIGTERM", () => console.log("not yet"))' : '',
    'require("http").createServer((request, response) => response.end("hello")).listen(PORT, HEROKU_PRIVATE_IP, () => console.log("dyno " + process.pid + " listens"))',
  ]
  await writeFile(join(folder, 'dyno.cjs'), program.join('\n'))
  const file = join(folder, 'space.yml')
  await writeFile(
    file,
    `
space: { name: test, cidr: ${CIDR} }
listeners: [{ name: public, address: "127.0.0.1:0", exposure: public }]
dns: { address: "127.0.0.1:0" }
workers: 1
apps:
  shop:
    domains: [shop.localhost]
    formation: { web: { command: "${process.execPath} dyno.cjs" } }
${more}`,
  )
  return { folder, file }
}

t.test('a router runs until it gets a signal, then ends with status 0 and leaves no process', async (t) => {
  const { file } = await spaceFile(t)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const router = postern(['start', '--config', file])
    t.teardown(() => router.child.kill('SIGKILL'))
    const dyno = Number(await router.printed(/dyno (\d+) listens/))
    router.child.kill(signal)
    t.match(await router.ended, { status: 0 }, signal)
    t.notOk(isAlive(dyno))
  }
})

t.test(
  'a signal that comes twice at once, as from a terminal and from npm, does not hurry; one that comes later does',
  async (t) => {
    const { file } = await spaceFile(t, { stubborn: true })
    const router = postern(['start', '--config', file])
    t.teardown(() => router.child.kill('SIGKILL'))
    const dyno = Number(await router.printed(/dyno (\d+) listens/))
    router.child.kill('SIGINT')
    router.child.kill('SIGINT')
    await router.printed(/not yet/)
    await new Promise((resolve) => setTimeout(resolve, 700))
    t.ok(isAlive(dyno), 'it has its grace time')
    router.child.kill('SIGINT')
    t.match(await router.ended, { status: 0 })
    t.notOk(isAlive(dyno))
  },
)

t.test('a router that is killed takes its dynos along, and the next one starts over its socket', async (t) => {
  const { file } = await spaceFile(t)
  const first = postern(['start', '--config', file])
  t.teardown(() => first.child.kill('SIGKILL'))
  const dyno = Number(await first.printed(/dyno (\d+) listens/))
  first.child.kill('SIGKILL')
  await gone(dyno)
  const second = postern(['start', '--config', file])
  t.teardown(() => second.child.kill('SIGKILL'))
  await second.printed(/dyno (\d+) listens/)
  t.match(await run('ps', '--config', file), { status: 0 })
  second.child.kill('SIGTERM')
  t.match(await second.ended, { status: 0 })
})

t.test('a file with problems does not start', async (t) => {
  const { file } = await spaceFile(t, { more: 'nonsense: true\nlimits: { head: 5 }\n' })
  const { status, out, err } = await run('start', '--config', file)
  t.equal(status, 1)
  t.equal(out, '')
  t.match(err.trim().split('\n'), [/space\.yml:\d+:\d+: nonsense: /, /space\.yml:\d+:\d+: limits\.head: /])
})

t.test('an address that is taken is told in a line, and nothing is left running', async (t) => {
  const { file } = await spaceFile(t)
  const router = postern(['start', '--config', file])
  t.teardown(() => router.child.kill('SIGKILL'))
  await router.printed(/dyno (\d+) listens/)
  const second = await run('start', '--config', file)
  t.equal(second.status, 1)
  t.match(second.err, /^postern start: a router is running already: it answers on .*postern\.sock\n$/)
  router.child.kill('SIGTERM')
  await router.ended
})
