import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { EMPTY_APP_STATE, EMPTY_SPACE_STATE } from '../../src/control/state/records.ts'
import { StateStore } from '../../src/control/state/state-store.ts'

type Tap = { teardown(end: () => unknown): void }

async function folder(t: Tap): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'postern-state-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

const KILLS = 12

t.test('killed at any moment, the files are whole: what was said to be durable, or one change more', async (t) => {
  const path = await folder(t)
  let durable = 0
  for (let kill = 1; kill <= KILLS; kill++) {
    const writer = spawn(process.execPath, [join(import.meta.dirname, 'state-writer.ts'), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    writer.stdout.on('data', (chunk) => {
      said += chunk
    })
    await once(writer.stdout, 'data')
    // A change takes a few milliseconds: every kill meets another step of one.
    await new Promise((resolve) => setTimeout(resolve, kill * 3.7))
    writer.kill('SIGKILL')
    await once(writer, 'close')
    durable = Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1))

    const store = await StateStore.open(path)
    const { current, fileContents } = store.app('shop')
    t.ok(current === durable || current === durable + 1, `${current} after ${durable}`)
    t.ok(fileContents.startsWith(`${current}x`) && fileContents.endsWith(`x${current}`), 'the whole of it')
    const zone = store.space().zonesDown[0]!.sinceMs
    t.ok(zone === durable || zone === durable + 1)
    const entries = (await store.trail(1000)).map(({ change }) => Number(change.number))
    t.ok(entries.includes(durable), 'the trail has what was done')
    await store.close()
  }
  t.ok(durable > KILLS, 'it went on where the one before was killed')
  t.same(
    (await readdir(join(path, 'apps'))).filter((file) => !file.startsWith('shop.json')),
    [],
  )
})

t.test('what was written is read again, by app, and nobody else may read it', async (t) => {
  const path = join(await folder(t), 'new', 'state')
  const first = await StateStore.open(path)
  t.strictSame(first.app('shop'), EMPTY_APP_STATE)
  t.strictSame(first.space(), EMPTY_SPACE_STATE)
  await first.updateApp('shop', (state) => ({ ...state, quantities: { web: 3 }, env: { SECRET: 's' } }))
  await first.updateApp('chat', (state) => ({ ...state, maintenance: true }))
  const inboundRuleset = { rules: [], revision: 1, changedAtMs: 5, by: 'ci' }
  await first.updateSpace((state) => ({ ...state, inboundRuleset }))
  await first.close()

  const second = await StateStore.open(path)
  t.strictSame(second.app('shop'), { ...EMPTY_APP_STATE, quantities: { web: 3 }, env: { SECRET: 's' } })
  t.equal(second.app('chat').maintenance, true)
  t.strictSame(second.space(), { ...EMPTY_SPACE_STATE, inboundRuleset })
  t.same(second.apps().sort(), ['chat', 'shop'])
  t.equal((await stat(path)).mode & 0o777, 0o700)
  t.equal((await stat(join(path, 'apps', 'shop.json'))).mode & 0o777, 0o600)
  t.match(JSON.parse(await readFile(join(path, 'space.json'), 'utf8')), { version: 1 })
})

t.test('a change is there at once, and those of one turn make one write', async (t) => {
  const path = await folder(t)
  const store = await StateStore.open(path)
  const changes = [1, 2, 3].map((current) => store.updateApp('shop', (state) => ({ ...state, current })))
  t.equal(store.app('shop').current, 3)
  t.notOk((await readdir(join(path, 'apps'))).includes('shop.json'), 'not written yet')
  await Promise.all(changes)
  t.match(JSON.parse(await readFile(join(path, 'apps', 'shop.json'), 'utf8')), { current: 3 })

  const { mtimeNs } = await stat(join(path, 'apps', 'shop.json'), { bigint: true })
  await store.updateApp('shop', (state) => state)
  t.equal((await stat(join(path, 'apps', 'shop.json'), { bigint: true })).mtimeNs, mtimeNs, 'no change, no write')
})

t.test('a change that the disk refuses is taken back, with those that were made of it', async (t) => {
  const path = await folder(t)
  const store = await StateStore.open(path)
  await store.updateApp('shop', (state) => ({ ...state, current: 1 }))
  // A folder in its place: not even root can write to that.
  await mkdir(join(path, 'apps', 'shop.json.new'))
  const refused = store.updateApp('shop', (state) => ({ ...state, current: state.current + 1 }))
  const later = store.updateApp('shop', (state) => ({ ...state, current: state.current + 1 }))
  t.equal(store.app('shop').current, 3)
  const message = `${join(path, 'apps', 'shop.json')} cannot be written: EISDIR`
  await t.rejects(refused, { name: 'Refusal', id: 'unavailable', status: 503, message })
  await t.rejects(later, { name: 'Refusal', id: 'unavailable' })
  t.equal(store.app('shop').current, 1)

  await rm(join(path, 'apps', 'shop.json.new'), { recursive: true })
  await store.updateApp('shop', (state) => ({ ...state, current: state.current + 1 }))
  await store.close()
  t.equal((await StateStore.open(path)).app('shop').current, 2)
})

t.test('a file that is not what was written is named in one line, and left alone', async (t) => {
  const path = await folder(t)
  await (await StateStore.open(path)).updateApp('shop', (state) => ({ ...state, current: 1 }))
  const file = join(path, 'apps', 'shop.json')
  const whole = await readFile(file, 'utf8')
  const cases: [text: string, message: RegExp][] = [
    [whole.slice(0, 40), /damaged: it is no JSON object/],
    ['', /damaged: it is no JSON object/],
    ['[1]', /damaged: it is no JSON object/],
    ['{}', /damaged: it has no version/],
    ['{"version":1,"releases":{}}', /damaged: releases is no list/],
    ['{"version":2}', /written by a newer Postern: its version is 2, this one reads up to 1/],
  ]
  for (const [text, message] of cases) {
    await writeFile(file, text)
    const error = await StateStore.open(path).then(
      () => new Error('it was read'),
      (error: Error) => error,
    )
    t.match(error.message, message)
    t.ok(error.message.startsWith(`state: ${file} `))
    t.notMatch(error.message, /\n/)
    t.equal(await readFile(file, 'utf8'), text)
  }
  await writeFile(file, '{"version":1,"current":7}')
  t.strictSame((await StateStore.open(path)).app('shop'), { ...EMPTY_APP_STATE, current: 7 }, 'what it lacks is empty')
})

t.test('a folder that cannot be used is said in a line', async (t) => {
  const path = await folder(t)
  await writeFile(join(path, 'state'), 'a file')
  await t.rejects(StateStore.open(join(path, 'state')), /^state: .*\/state cannot be used: (ENOTDIR|EEXIST)$/)
})

t.test('in memory it is as if every write were done at once', async (t) => {
  const store = await StateStore.open(null)
  await store.updateSpace((state) => ({ ...state, zonesDown: [{ zone: 'b', by: 'me', sinceMs: 1 }] }))
  await store.updateApp('shop', (state) => ({ ...state, current: 4 }))
  await store.audit({ at: '2026-01-01T00:00:00.000Z', by: 'me', action: 'x', app: '', change: {} })
  t.equal(store.space().zonesDown.length, 1)
  t.equal(store.app('shop').current, 4)
  t.equal((await store.trail(10)).length, 1)
  await store.close()
})

t.test('the audit trail is appended to, and a line that a kill has torn harms no other', async (t) => {
  const path = await folder(t)
  const entry = (number: number) => {
    return { at: new Date(number).toISOString(), by: 'ci', action: 'deploy', app: 'shop', change: { number } }
  }
  const first = await StateStore.open(path)
  await Promise.all([1, 2, 3].map((number) => first.audit(entry(number))))
  await first.close()
  const file = join(path, 'audit.jsonl')
  await writeFile(file, '{"at":"2026-01', { flag: 'a' })

  const second = await StateStore.open(path)
  await second.audit(entry(4))
  t.strictSame(await second.trail(2), [entry(3), entry(4)])
  await second.close()
  t.strictSame(await (await StateStore.open(path)).trail(100), [1, 2, 3, 4].map(entry))
  t.equal((await readFile(file, 'utf8')).split('\n').length, 6)
})

t.test('an audit entry that cannot be written is an error', async (t) => {
  const path = await folder(t)
  const store = await StateStore.open(path)
  await mkdir(join(path, 'audit.jsonl'))
  const entry = { at: '', by: '', action: '', app: '', change: {} }
  await t.rejects(store.audit(entry), /audit\.jsonl cannot be written: EISDIR/)
  t.same(await store.trail(1), [])
})
