import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { loadConfigAside } from '../../src/config/load-aside.ts'

const small = `space: { name: acme }
listeners: [{ name: public, address: "127.0.0.1:0", exposure: public }]
apps:
`
const app = (number: number) => `  a${number}: { domains: [a${number}.example.com] } # ${'x'.repeat(300)}\n`

t.test('a large file is read in another thread, with the same result', async (t) => {
  const file = join(t.testdir(), 'space.yml')
  writeFileSync(file, small)
  for (let number = 0; number < 1000; number++) appendFileSync(file, app(number))
  let turns = 0
  const turning = setInterval(() => turns++, 1)
  const aside = await loadConfigAside(file)
  clearInterval(turning)
  t.ok(turns > 20, `${turns} timers ran meanwhile`)
  t.ok(aside.ok)
  t.strictSame(aside, await loadConfig(file))
  appendFileSync(file, '  a1: {}\n')
  t.match(await loadConfigAside(file), { ok: false, problems: [{ file, line: 1004, column: 3 }] })
})

t.test('a small file, and one that is not there, need no thread', async (t) => {
  const file = join(t.testdir(), 'space.yml')
  t.match(await loadConfigAside(file), { ok: false, problems: [{ file }] })
  writeFileSync(file, small)
  t.strictSame(await loadConfigAside(file), await loadConfig(file))
})
