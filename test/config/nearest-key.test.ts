import t from 'tap'
import { byDistance, nearest } from '../../src/config/nearest-key.ts'
import { problemsOf } from './checked.ts'

const KEYS = ['domains', 'internalRouting', 'maintenance', 'timeouts', 'maxBodySize', 'env', 'queue']

t.test('a slip of the finger finds its key', async (t) => {
  const meant: Record<string, string> = {
    domain: 'domains',
    domians: 'domains',
    Domains: 'domains',
    internal_routing: 'internalRouting',
    'max-body-size': 'maxBodySize',
    maxBodysize: 'maxBodySize',
    timeout: 'timeouts',
    maintainance: 'maintenance',
    envs: 'env',
    quueue: 'queue',
  }
  for (const [written, key] of Object.entries(meant)) t.equal(nearest(written, KEYS), key, written)
})

t.test('what is not near is not guessed', async (t) => {
  for (const written of ['healthCheck', 'tls', 'x', '', 'constructor', 'workers'])
    t.equal(nearest(written, KEYS), undefined, written)
  t.equal(nearest('x', []), undefined)
})

t.test('all keys are there, the nearest first', async (t) => {
  t.equal(byDistance('timeots', KEYS)[0], 'timeouts')
  t.strictSame(byDistance('timeots', KEYS).toSorted(), KEYS.toSorted())
})

t.test('a long key costs no time', async (t) => {
  t.equal(nearest('a'.repeat(1_000_000), KEYS), undefined)
})

t.test('unknown keys are errors wherever they are, and name the nearest key', async (t) => {
  const shortened = (line: string) => line.replace(/known here: domains, .*/, 'known here: …')
  t.strictSame(
    problemsOf(`space: { name: acme, cird: 10.0.0.0/16 }
listners: []
listeners:
  - { name: a, address: 127.0.0.1:0, exposure: public, proxyProtocol: { form: [10.0.0.0/8] } }
trustedIpRanges: [{ cidr: 10.0.0.0/8, lable: x }]
apps:
  shop:
    balance: { algoritm: hash }
    formation: { web: { dynos: [{ addres: 10.0.0.1:80 }] } }
    connect: 5s
`).map(shortened),
    [
      't.yml:1:22: space.cird: unknown key; did you mean cidr?',
      't.yml:2:1: listners: unknown key; did you mean listeners?',
      't.yml:4:73: listeners[0].proxyProtocol.form: unknown key; did you mean from?',
      't.yml:5:39: trustedIpRanges[0].lable: unknown key; did you mean label?',
      't.yml:8:16: apps.shop.balance.algoritm: unknown key; did you mean algorithm?',
      't.yml:9:35: apps.shop.formation.web.dynos[0].addres: unknown key; did you mean address?',
      't.yml:10:5: apps.shop.connect: unknown key; apps.APP.timeouts.connect is a key, so check the indentation; known here: …',
    ],
  )
})

t.test('a key that is nearly right is not missing as well', async (t) => {
  t.strictSame(problemsOf('space: { nam: acme }\nlisteners: [{ name: a, adress: 127.0.0.1:0, exposure: public }]\n'), [
    't.yml:1:10: space.nam: unknown key; did you mean name?',
    't.yml:2:24: listeners[0].adress: unknown key; did you mean address?',
  ])
})
