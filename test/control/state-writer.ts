/** Changes the state in the folder of its argument again and again, and says when each change is durable, until it is killed. */
import { StateStore } from '../../src/control/state/state-store.ts'

/** So large that a write takes several calls: a file that is torn would show. */
const FILLING = 'x'.repeat(300_000)

const store = await StateStore.open(process.argv[2]!)
for (let number = store.app('shop').current + 1; ; number++) {
  await Promise.all([
    store.updateApp('shop', (state) => ({ ...state, current: number, fileContents: `${number}${FILLING}${number}` })),
    store.updateSpace((state) => ({ ...state, zonesDown: [{ zone: 'a', by: `writer ${number}`, sinceMs: number }] })),
    store.audit({ at: new Date().toISOString(), by: 'writer', action: 'test', app: 'shop', change: { number } }),
  ])
  process.stdout.write(`${number}\n`)
}
