import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { constants, getPriority } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { KnownConfig } from '../../src/config/config-parts.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type ConfigReading, loadConfigAside } from '../../src/config/load-aside.ts'

const small = `space: { name: acme }
listeners: [{ name: public, address: "127.0.0.1:0", exposure: public }]
apps:
`
const app = (number: number) => `  a${number}: { domains: [a${number}.example.com] } # ${'x'.repeat(300)}\n`
const large = small + Array.from({ length: 1000 }, (_, number) => app(number)).join('')

function written(directory: string, text: string): string {
  const file = join(directory, 'space.yml')
  writeFileSync(file, text)
  return file
}

/** What whoever knows nothing yet makes of it. */
function whole(reading: ConfigReading) {
  return reading.ok ? { ok: true, config: KnownConfig.of(reading.parts).config } : reading
}

/** The process that reads, as soon as there is one. */
async function reader(): Promise<number> {
  for (;;) {
    const [pid] = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean)
    if (pid !== undefined) return Number(pid)
    await setTimeout(1)
  }
}

const NEEDS_PROC = process.platform === 'linux' ? false : 'needs /proc'

t.test('a large file is read in another process, with the same result', async (t) => {
  const file = written(t.testdir(), large)
  let turns = 0
  const turning = setInterval(() => turns++, 1)
  const aside = await loadConfigAside(file)
  clearInterval(turning)
  t.ok(turns > 20, `${turns} timers ran meanwhile`)
  t.strictSame(whole(aside), await loadConfig(file))
  appendFileSync(file, '  a1: {}\n')
  t.match(await loadConfigAside(file), { ok: false, problems: [{ file, line: 1004, column: 3 }] })
})

t.test('whoever knows the configuration before is told what is different', async (t) => {
  const file = written(t.testdir(), large)
  const first = await loadConfigAside(file)
  if (!first.ok) throw new Error('not read')
  const { textDigest, parts } = first
  const before = KnownConfig.of(parts)
  const known = { textDigest, digests: before.digests }
  t.strictSame(await loadConfigAside(file, known), { ok: true, textDigest, parts: { keys: null, pieces: [] } })
  writeFileSync(file, large.replace('[a500.example.com]', '[b500.example.com]'))
  const next = await loadConfigAside(file, known)
  if (!next.ok) throw new Error('not read')
  t.match(next.parts, { keys: null, pieces: [['apps.a500', String, /b500/]] })
  t.equal(next.parts.pieces.length, 1)
  t.strictSame(before.with(next.parts).config, ((await loadConfig(file)) as { config: unknown }).config)
})

t.test(
  'a folder that comes in and is not there is a problem, but neither one that was there before nor one at a start',
  async (t) => {
    const folder = t.testdir({ here: {} })
    const withFolders = (...folders: string[]) => {
      const formations = folders.map(
        (cwd, i) => `  a${i}: { formation: { web: { command: node x.js, cwd: ${cwd} } } }\n`,
      )
      return written(folder, small + formations.join(''))
    }
    const file = withFolders('here', 'gone')
    const first = await loadConfigAside(file)
    if (!first.ok) throw new Error('not read')
    const { textDigest, parts } = first
    const known = { textDigest, digests: KnownConfig.of(parts).digests }
    withFolders('.', 'gone')
    t.ok((await loadConfigAside(file, known)).ok)
    withFolders('lost', 'gone')
    t.strictSame(await loadConfigAside(file, known), {
      ok: false,
      problems: [
        {
          file,
          line: 4,
          column: 54,
          path: 'apps.a0.formation.web.cwd',
          message: `${join(folder, 'lost')} is no folder on this machine; make it, then reload`,
        },
      ],
    })
    withFolders('space.yml', 'gone')
    t.match(await loadConfigAside(file, known), { ok: false })
  },
)

t.test('the process for it leaves the processors to others when it is asked to', { skip: NEEDS_PROC }, async (t) => {
  const file = written(t.testdir(), large)
  const usual = getPriority()
  const hurried = loadConfigAside(file)
  t.equal(getPriority(await reader()), usual)
  await hurried
  const patient = loadConfigAside(file, undefined, { lowPriority: true })
  t.equal(getPriority(await reader()), constants.priority.PRIORITY_BELOW_NORMAL)
  t.ok((await patient).ok)
})

t.test('when that process dies the file has a problem, and that is all', { skip: NEEDS_PROC }, async (t) => {
  const file = written(t.testdir(), large)
  const reading = loadConfigAside(file)
  process.kill(await reader(), 'SIGKILL')
  const message = 'cannot be read: the process for it was killed by SIGKILL; is there memory left?'
  t.strictSame(await reading, { ok: false, problems: [{ file, line: 0, column: 0, path: '', message }] })
  t.ok((await loadConfigAside(file)).ok)
})

t.test('a small file, and one that is not there, need no process', async (t) => {
  const file = join(t.testdir(), 'space.yml')
  t.match(await loadConfigAside(file), { ok: false, problems: [{ file }] })
  writeFileSync(file, small)
  t.strictSame(whole(await loadConfigAside(file)), await loadConfig(file))
})
