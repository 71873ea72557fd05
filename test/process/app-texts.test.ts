import { deserialize, serialize } from 'node:v8'
import t from 'tap'
import { packApps, unpackApps } from '../../src/process/app-texts.ts'

const apps = [
  ['shop', '{"name":"shop"}'],
  ['', ''],
  ['crème', '{"label":"crème brûlée 🍮"}'],
  ['last', '{}'],
] as const

t.test('what is packed comes out again, whatever characters are in it, also after a message', async (t) => {
  t.strictSame([...unpackApps(packApps(apps))], apps)
  t.strictSame([...unpackApps(deserialize(serialize(packApps(apps))))], apps)
})

t.test('no apps are no packs', async (t) => {
  t.strictSame(packApps([]), [])
})

t.test('many apps are several packs, none of which is large', async (t) => {
  const many = Array.from({ length: 300 }, (_, i) => [`app${i}`, 'é'.repeat(i * 10)] as const)
  const packs = packApps(many)
  t.ok(packs.length > 5, `${packs.length} packs`)
  for (const { bytes } of packs) t.ok(bytes.length < 140_000)
  t.strictSame([...unpackApps(packs)], many)
})
