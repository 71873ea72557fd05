import { readFileSync } from 'node:fs'
import { fastify } from 'fastify'
import t from 'tap'
import { parse } from 'yaml'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { parseConfig } from '../../src/config/load.ts'
import { allKeys, outlineOf } from '../../src/config/outline.ts'
import { spaceFile } from '../../src/config/schema.ts'
import { DEFAULT_LIMITS } from '../../src/wire/limits.ts'
import { configWith, LEAST } from './checked.ts'

const FULL = readFileSync('config/space.full.yml', 'utf8')
const KEYS = [...allKeys(outlineOf(spaceFile))]

t.test('space.full.yml is the least file, with every default written out', async (t) => {
  const shop = { formation: { web: { command: 'node server.js' } } }
  const listeners = [{ name: 'public', address: '0.0.0.0:8080', exposure: 'public' }]
  const least = JSON.stringify({ ...LEAST, listeners, apps: { shop } })
  t.strictSame(parseConfig(FULL, 'config/space.full.yml'), parseConfig(least, 'config/space.full.yml'))
})

t.test('space.full.yml has every key, and its sentence above it', async (t) => {
  const lines = FULL.split('\n')
  for (const { path, key } of KEYS) {
    const pattern = new RegExp(`^[ #]*(- )?${key.key}:`)
    const at = lines.findIndex((line, index) => pattern.test(line) && lines[index - 1]!.includes(key.info.text))
    t.not(at, -1, path)
  }
})

t.test('every key says one sentence', async (t) => {
  for (const { path, key } of KEYS) {
    t.match(key.info.text, /^\S.*\.$/, path)
    t.notMatch(key.info.text, /\n|\. /, path)
  }
  t.ok(KEYS.length > 80, 'keys are found at all')
})

t.test('the defaults are those of the wire', async (t) => {
  t.match(DEFAULT_LIMITS, {
    requestLineBytes: configWith({}).limits.requestLineBytes,
    headerLineBytes: configWith({}).limits.headerLineBytes,
    headerNameBytes: configWith({}).limits.headerNameBytes,
    headerCount: configWith({}).limits.headerCount,
    headBytes: configWith({}).limits.headBytes,
    chunkExtensionBytes: configWith({}).limits.chunkExtensionBytes,
    trailerBytes: configWith({}).limits.trailerBytes,
  })
})

t.test('an editor with the JSON Schema takes and refuses what the check does', async (t) => {
  // Fastify checks bodies with Ajv, which knows nothing of our schema library.
  const customOptions = { removeAdditional: false, useDefaults: false, coerceTypes: false } as const
  const server = fastify({ ajv: { customOptions } })
  const { $schema, ...body } = jsonSchema()
  server.post('/', { schema: { body } }, () => '')
  const accepts = async (value: unknown) => {
    const payload = JSON.stringify(value)
    const headers = { 'content-type': 'application/json' }
    return (await server.inject({ method: 'POST', url: '/', headers, payload })).statusCode === 200
  }
  const web = (type: unknown) => ({ ...LEAST, apps: { shop: { formation: { web: type } } } })

  t.equal($schema, 'https://json-schema.org/draft/2020-12/schema')
  t.ok(await accepts(parse(FULL)))
  t.ok(await accepts(parse(readFileSync('config/space.yml', 'utf8'))))
  t.ok(await accepts(LEAST))
  t.ok(await accepts(web({ command: 'x' })))
  t.notOk(await accepts({ space: LEAST.space }), 'a key that is required')
  t.notOk(await accepts({ ...LEAST, tls: {} }), 'a key that is not known')
  t.notOk(await accepts({ ...LEAST, dns: { ttl: '5 s' } }), 'a pattern')
  t.notOk(await accepts({ ...LEAST, dns: { emptyAfter: 0 } }), 'a bound')
  t.notOk(await accepts({ ...LEAST, onUntrusted: 'drop' }), 'a choice')
  t.notOk(await accepts({ ...LEAST, apps: { Shop: {} } }), 'a name')
  t.notOk(await accepts({ ...LEAST, trustedProxies: ['example.com'] }), 'a CIDR')
  t.notOk(await accepts(web({ quantity: 1 })), 'none of the alternatives')
  t.notOk(await accepts(web({ command: 'x', dynos: [] })), 'two alternatives')
})
