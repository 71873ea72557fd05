import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { loadAdmin } from '../../src/config/load-admin.ts'

const space = `space: { name: acme }
listeners: [{ name: public, address: "127.0.0.1:0", exposure: public }]
`
const apps = Array.from({ length: 100 }, (_, n) => `  a${n}: { domains: [a${n}.example.com] } # ${'x'.repeat(3000)}\n`)
const large = (admin: string, more = '') =>
  `${space}trustedIpRanges:\n- 192.0.2.0/24\n# of the office\n- 198.51.100.0/24\napps:\n${apps.join('')}${more}${admin}`

t.test('where the admin API is does not depend on how the file is written, nor on how large it is', async (t) => {
  const files = {
    small: `${space}admin: { address: "unix:run/small.sock" }\n`,
    default: large(''),
    last: large('admin:\n  address: unix:run/last.sock\n'),
    quoted: large('"admin": { address: "unix:run/quoted.sock" }\n'),
    windows: large('admin: { address: "unix:run/windows.sock" }\n').replaceAll('\n', '\r\n'),
    json: JSON.stringify({ space: { name: 'acme' }, note: undefined, admin: { address: 'unix:json.sock' } }).replace(
      '}',
      `},"listeners":[{"name":"public","address":"127.0.0.1:0","exposure":"public"}],"apps":{}${' '.repeat(300_000)}`,
    ),
    alias: large('admin: { address: *where }\n')
      .replace('name: acme', 'name: acme, region: virginia')
      .replace('- 192.0.2.0/24', '- { cidr: 192.0.2.0/24, label: &where "unix:alias.sock" }'),
  }
  const folder = t.testdir(files)
  for (const name of Object.keys(files)) {
    const file = join(folder, name)
    const whole = await loadConfig(file)
    if (!whole.ok) return t.fail(`${name}: ${JSON.stringify(whole.problems)}`)
    t.strictSame(await loadAdmin(file), { ok: true, admin: whole.config.admin }, name)
  }
})

t.test('what is wrong is said with its place in the whole file', async (t) => {
  const files = {
    badAdmin: large('admin: { address: nowhere }\n'),
    badElsewhere: large('', '  twice: {}\n  twice: {}\n').replace('name: acme', 'nam: acme'),
    syntax: large('admin: [\n'),
    none: `${space}apps:\n  shop: { domain: [] }\n`,
  }
  const folder = t.testdir(files)
  for (const name of [...Object.keys(files), 'missing']) {
    const file = join(folder, name)
    const whole = await loadConfig(file)
    t.equal(whole.ok, false, name)
    t.strictSame(await loadAdmin(file), whole, name)
  }
})

t.test('a large file is not read for its apps', async (t) => {
  const file = join(t.testdir({ file: large('', '  shop: { no-such-key: 1 }\n') }), 'file')
  t.match(await loadAdmin(file), { ok: true })
})
