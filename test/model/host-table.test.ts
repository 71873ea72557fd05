import fc from 'fast-check'
import t from 'tap'
import { HostTable } from '../../src/model/host-table.ts'

function tableOf(domains: readonly string[]): HostTable {
  const table = new HostTable()
  for (const [index, domain] of domains.entries()) table.add(domain, index)
  return table
}

/** The rule by its definition, one domain after the other. */
function bestDomain(domains: readonly string[], host: string): number {
  const exact = domains.indexOf(host)
  if (exact !== -1) return exact
  const wildcards = domains.filter(
    (domain) => domain.startsWith('*.') && host.endsWith(domain.slice(1)) && host.length >= domain.length,
  )
  const longest = wildcards.sort((a, b) => b.length - a.length)[0]
  return longest === undefined ? -1 : domains.indexOf(longest)
}

t.test('the domain found is the one that checking every domain finds', async () => {
  const name = fc
    .array(fc.constantFrom('a', 'b', 'shop', 'example', 'com'), { minLength: 1, maxLength: 6 })
    .map((labels) => labels.join('.'))
  const domain = fc.oneof(
    name,
    name.map((suffix) => `*.${suffix}`),
  )
  fc.assert(
    fc.property(
      fc.array(domain, { maxLength: 30 }),
      fc.array(name, { minLength: 20, maxLength: 20 }),
      (domains, hosts) => {
        const table = tableOf(domains)
        for (const host of hosts) {
          if (table.find(host) !== bestDomain(domains, host)) throw new Error(`${host} leads to ${table.find(host)}`)
        }
      },
    ),
    { numRuns: 2000 },
  )
})

t.test('an exact name comes before a wildcard, the longest wildcard first', async (t) => {
  const table = tableOf(['*.example.com', 'www.example.com', '*.shop.example.com'])
  t.equal(table.find('www.example.com'), 1)
  t.equal(table.find('a.www.example.com'), 0)
  t.equal(table.find('a.shop.example.com'), 2)
  t.equal(table.find('shop.example.com'), 0)
})

t.test('a wildcard matches one or more labels, never none', async (t) => {
  const table = tableOf(['*.example.com'])
  t.equal(table.find('a.example.com'), 0)
  t.equal(table.find('a.b.c.example.com'), 0)
  for (const host of ['example.com', '.example.com', 'aexample.com', 'example.com.evil.net', '*.example.org', '']) {
    t.equal(table.find(host), -1, JSON.stringify(host))
  }
})

t.test('of two equal domains the first stays', async (t) => {
  const table = tableOf(['shop.example.com', 'shop.example.com', '*.a.example.com', '*.a.example.com'])
  t.equal(table.find('shop.example.com'), 0)
  t.equal(table.find('x.a.example.com'), 2)
})

t.test('names that objects are born with are unknown hosts', async (t) => {
  const table = tableOf(['*.example.com'])
  for (const host of ['__proto__', 'constructor', 'tostring', 'constructor.__proto__'])
    t.equal(table.find(host), -1, host)
})

t.test('fifty thousand domains are each found', async (t) => {
  const domains = Array.from({ length: 50_000 }, (_, i) =>
    i % 5 === 0 ? `*.app-${i}.example.net` : `www.app-${i}.example.com`,
  )
  const table = tableOf(domains)
  const wrong = domains.filter((domain, i) => table.find(domain.replace('*', 'a.b')) !== i)
  t.same(wrong, [])
  t.equal(table.find('www.app-50000.example.com'), -1)
})

t.test('a host of many labels or beyond the length of a name is refused without harm', async (t) => {
  const table = tableOf(['*.example.com'])
  t.equal(table.find(`${'a.'.repeat(119)}example.com`), 0)
  t.equal(table.find(`${'a.'.repeat(4000)}example.com`), -1)
})
