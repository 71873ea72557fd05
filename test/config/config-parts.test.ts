import t from 'tap'
import type { Config } from '../../src/config/config.ts'
import { ConfigShelf, configParts, KnownConfig } from '../../src/config/config-parts.ts'
import { configWith } from './checked.ts'

const app = (domain: string) => ({ domains: [domain], formation: { web: { dynos: [{ address: '10.0.0.1:80' }] } } })
const shop = app('shop.example.com')
const blog = app('blog.example.com')
/** One after the other in use. */
const HISTORY = [
  configWith({ apps: { shop, blog } }),
  configWith({ apps: { shop, blog: app('www.example.com') } }),
  configWith({ apps: { shop, blog, wiki: {} } }),
  configWith({ apps: { wiki: {}, shop } }),
  configWith({ apps: { wiki: {}, shop }, onUntrusted: 'forbid' }),
]
const [first, ...later] = HISTORY as [Config, ...Config[]]

t.test('who gets every difference has every configuration', async (t) => {
  let known = KnownConfig.of(structuredClone(configParts(first)))
  t.strictSame(known.config, first)
  for (const config of later) {
    known = known.with(structuredClone(configParts(config, known.digests)))
    t.strictSame(known.config, config)
  }
})

t.test('what is different is the pieces that differ, and everything else stays the same object', async (t) => {
  const before = KnownConfig.of(configParts(first))
  const parts = configParts(HISTORY[1]!, before.digests)
  t.match(parts, { keys: null, pieces: [['apps.blog', String, /www/]] })
  t.equal(parts.pieces.length, 1)
  const { config } = before.with(parts)
  t.equal(config.apps[0], before.config.apps[0])
  t.not(config.apps[1], before.config.apps[1])
  for (const key of Object.keys(first) as (keyof Config)[]) {
    if (key !== 'apps') t.equal(config[key], before.config[key], key)
  }
  t.equal(before.config.apps[1]!.domains[0], 'blog.example.com', 'the one before is what it was')
})

t.test('nothing different is the very same configuration', async (t) => {
  const known = KnownConfig.of(configParts(first))
  t.equal(known.with(configParts(structuredClone(first), known.digests)), known)
})

t.test('who comes later gets all of it from the shelf, and goes on with differences', async (t) => {
  for (let late = 0; late < HISTORY.length; late++) {
    let { digests } = KnownConfig.of(configParts(first))
    const shelf = new ConfigShelf(configParts(first))
    for (const config of HISTORY.slice(1, late + 1)) {
      const parts = configParts(config, digests)
      shelf.add(parts)
      digests = KnownConfig.of(shelf.whole()).digests
    }
    const { apps: _, ...sections } = HISTORY[late]!
    t.strictSame(shelf.sections, sections)
    let known = KnownConfig.of(shelf.whole())
    t.strictSame(known.config, HISTORY[late])
    for (const config of HISTORY.slice(late)) known = known.with(configParts(config, known.digests))
    t.strictSame(known.config, HISTORY.at(-1))
  }
})
