import { resolve } from 'node:path'
import t from 'tap'
import { banner } from '../../src/cli/banner.ts'
import { loadConfig } from '../../src/config/load.ts'
import { space } from '../control/space.ts'

const ROOT = { cwd: '/', command: 'postern' }
const demo = await loadConfig(resolve('config/space.yml'))

t.test('the demo is explained in at most 20 lines', async (t) => {
  if (!demo.ok) return t.fail('config/space.yml is wrong')
  const lines = banner(demo.config, { cwd: process.cwd(), command: 'postern' })!.split('\n')
  t.ok(lines.length <= 20, `${lines.length} lines`)
  t.same(
    lines.filter((line) => /^ {2}(?:curl|dig|postern) /.test(line)).map((line) => line.replace(/ *#.*/, '').trim()),
    [
      "curl -H 'Host: shop.localhost' http://127.0.0.1:8080/",
      "curl -H 'Host: billing.localhost' http://127.0.0.1:8080/",
      "curl --interface 127.10.9.9 -H 'Host: billing.localhost' http://127.0.0.1:8080/",
      "curl --interface 127.66.0.1 -H 'Host: shop.localhost' http://127.0.0.1:8080/",
      'dig +short -b 127.10.9.9 -p 5300 @127.0.0.1 web.shop.app.localspace',
      'curl -s --unix-socket config/postern.sock http://postern/metrics',
      'postern ps',
      'postern deploy shop',
    ],
  )
})

t.test('what would not do what it says is left out', async (t) => {
  const file = {
    listeners: [{ name: 'public', address: '127.0.0.1:8080', exposure: 'public' }],
    apps: {
      shop: { domains: ['*.shop.example.com', 'shop.example.com'], formation: { web: { command: 'node a.js' } } },
    },
    admin: { address: '127.0.0.1:9900', tokens: [{ name: 'ci', sha256: '0'.repeat(64) }] },
  }
  const everyone = banner(space(file), ROOT)!
  t.match(everyone, "curl -H 'Host: shop.example.com' http://127.0.0.1:8080/ ")
  t.match(everyone, 'curl -s -H "Authorization: Bearer $POSTERN_TOKEN" http://127.0.0.1:9900/metrics')
  t.notMatch(everyone, '127.66.0.1', 'no source is blocked')
  t.notMatch(everyone, 'internal app')
  t.notMatch(everyone, 'dig', 'the port of the DNS is not known before it listens')
  const nobody = banner(space({ ...file, trustedIpRanges: [] }), ROOT)!
  t.match(nobody, 'curl --interface 127.66.0.1')
  t.notMatch(nobody, "curl -H 'Host")
  t.notMatch(banner(space({ ...file, trustedIpRanges: [], onUntrusted: 'forbid' }), ROOT)!, 'reset')
})

t.test('a space whose clients are elsewhere gets none', async (t) => {
  const listeners = [{ name: 'public', address: '127.0.0.1:8080', exposure: 'public' }]
  t.equal(banner(space({ space: { name: 'acme', cidr: '10.0.0.0/16' }, listeners }), ROOT), null)
  t.equal(banner(space({ listeners: [{ name: 'public', address: '0.0.0.0:8080', exposure: 'public' }] }), ROOT), null)
})
