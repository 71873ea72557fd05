import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { ClientConnection } from '../../src/proxy/client-connection.ts'
import { OpenClients } from '../../src/proxy/open-clients.ts'

/** Nothing of a connection is needed but its place. */
function client(): ClientConnection {
  return { place: -1 } as ClientConnection
}

t.test('whoever was added is there until it is deleted, whatever the order', async (t) => {
  const open = new OpenClients()
  const all = Array.from({ length: 7 }, client)
  for (const one of all) open.add(one)
  t.strictSame(new Set(open), new Set(all))
  const gone = new Set<ClientConnection>()
  for (const index of [6, 0, 3, 5]) {
    open.delete(all[index]!)
    gone.add(all[index]!)
    t.equal(open.size, 7 - gone.size)
    t.strictSame(new Set(open), new Set(all.filter((one) => !gone.has(one))))
  }
  open.add(all[0]!)
  t.equal(open.size, 4)
  t.ok([...open].includes(all[0]!))
})

t.test('what was deleted, or never added, is not deleted again', async (t) => {
  const open = new OpenClients()
  const [one, other, stranger] = [client(), client(), client()]
  open.add(one)
  open.add(other)
  open.delete(one)
  open.delete(one)
  open.delete(stranger)
  t.strictSame([...open], [other])
})

t.test('connections that are gone are garbage that the next collection of young objects takes', async (t) => {
  setFlagsFromString('--expose-gc')
  const BYTES = 1024
  const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void
  const open = new OpenClients()
  const live: ClientConnection[] = []
  const oldBytes = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size
  const before = oldBytes()
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 300; i++) {
      const one = Object.assign(client(), { weight: new Array(BYTES / 8).fill(i) })
      open.add(one)
      live.push(one)
      if (live.length <= 64) continue
      open.delete(live.shift()!)
    }
    collect({ type: 'minor' })
  }
  const kept = oldBytes() - before
  t.ok(kept < (100 * 300 * BYTES) / 10, `${kept} bytes of ${100 * 300 * BYTES} are kept`)
})
