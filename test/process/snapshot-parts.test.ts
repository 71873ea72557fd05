import t from 'tap'
import { accessTables } from '../../src/model/access-rules.ts'
import type { SnapshotData } from '../../src/model/snapshot.ts'
import { type ReadSnapshot, SnapshotReader, SnapshotShelf, SnapshotWriter } from '../../src/process/snapshot-parts.ts'
import { appEntry, snapshotData } from '../support/snapshot-data.ts'

const shop = appEntry('shop', { dynos: [{}] })
const blog = appEntry('blog', { dynos: [{}, {}] })
const wiki = appEntry('wiki')

function version(number: number, given: Partial<SnapshotData>): SnapshotData {
  return snapshotData({ version: number, ...given })
}

const deskOnly = [{ cidr: '203.0.113.7/32', action: 'allow', label: 'desk' }] as const

const HISTORY = [
  version(1, { apps: [shop, blog] }),
  version(2, { apps: [shop, { ...blog, maintenance: true }] }),
  version(3, { apps: [shop, blog, wiki] }),
  version(4, { apps: [wiki, shop] }),
  version(5, { apps: [wiki, shop], onUntrusted: 'forbid' }),
  version(6, { apps: [wiki, shop], onUntrusted: 'forbid', trustedIpRanges: deskOnly }),
]

/** What a reader makes of it. */
function whole(data: SnapshotData): ReadSnapshot {
  return { data, tables: accessTables(data) }
}

t.test('a reader that gets every difference has every snapshot', async (t) => {
  const writer = new SnapshotWriter()
  const reader = new SnapshotReader()
  for (const data of HISTORY) {
    t.strictSame(reader.read(structuredClone(writer.next(data))), whole(data))
  }
})

t.test('a reader that comes later gets the whole from the shelf, and goes on with differences', async (t) => {
  for (let late = 1; late < HISTORY.length; late++) {
    const writer = new SnapshotWriter()
    const shelf = new SnapshotShelf()
    t.equal(shelf.whole(), null)
    for (const data of HISTORY.slice(0, late)) t.ok(shelf.add(writer.next(data)))
    const reader = new SnapshotReader()
    t.strictSame(reader.read(shelf.whole()!), whole(HISTORY[late - 1]!))
    for (const data of HISTORY.slice(late)) t.strictSame(reader.read(writer.next(data)), whole(data))
  }
})

t.test('a difference names only the apps that changed, and the others stay the same objects', async (t) => {
  const writer = new SnapshotWriter()
  const reader = new SnapshotReader()
  const first = reader.read(writer.next(HISTORY[0]!))
  const parts = writer.next(HISTORY[1]!)
  t.match(parts, { base: 1, settings: null, names: null })
  t.strictSame(
    parts.apps.map(([name]) => name),
    ['blog'],
  )
  t.equal(reader.read(parts).data.apps[0], first.data.apps[0])
})

t.test('lists of ranges are compiled before they are sent, and sent again only when one of them changed', async (t) => {
  const writer = new SnapshotWriter()
  const reader = new SnapshotReader()
  const first = reader.read(writer.next(HISTORY[0]!))
  t.equal(writer.next(HISTORY[1]!).tables, null, 'an app changed')
  const settings = writer.preview(version(3, { apps: [shop, blog], onUntrusted: 'forbid' }))
  t.not(settings.settings, null)
  t.equal(settings.tables, null, 'another setting changed')
  const ranges = writer.preview(version(3, { apps: [shop, blog], trustedIpRanges: deskOnly }))
  t.not(ranges.tables, null)
  t.equal(reader.read({ ...settings, base: 1 }).tables, first.tables, 'what was not sent again stays the same object')
})

t.test('a writer that goes on from the last snapshot of another one needs no whole one', async (t) => {
  const before = new SnapshotWriter()
  const reader = new SnapshotReader()
  reader.read(before.next(HISTORY[0]!))
  const next = new SnapshotWriter()
  next.resume(HISTORY[0]!)
  const parts = next.next(HISTORY[1]!)
  t.equal(parts.base, 1)
  t.strictSame(reader.read(parts), whole(HISTORY[1]!))
})

t.test('a difference to another snapshot is refused', async (t) => {
  const writer = new SnapshotWriter()
  const shelf = new SnapshotShelf()
  const reader = new SnapshotReader()
  writer.next(HISTORY[0]!)
  const parts = writer.next(HISTORY[1]!)
  t.notOk(shelf.add(parts))
  t.throws(() => reader.read(parts), /difference to 1, but 0 is in force/)
})

t.test('a preview is the same difference, and leaves no trace on either side', async (t) => {
  const writer = new SnapshotWriter()
  const reader = new SnapshotReader()
  const first = reader.read(writer.next(HISTORY[0]!))
  for (const planned of HISTORY.slice(1)) {
    const parts = writer.preview(planned)
    t.equal(parts.base, 1)
    t.strictSame(reader.preview(parts), whole(planned))
  }
  const parts = writer.preview(HISTORY[1]!)
  t.strictSame(
    parts.apps.map(([name]) => name),
    ['blog'],
  )
  t.equal(reader.preview(parts).data.apps[0], first.data.apps[0], 'what is not different is not made anew')
  t.strictSame(reader.read(writer.next(HISTORY[4]!)), whole(HISTORY[4]!))
  t.throws(() => new SnapshotReader().preview(parts), /difference to 1, but 0 is in force/)
})
