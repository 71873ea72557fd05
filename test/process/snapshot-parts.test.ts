import { deserialize, serialize } from 'node:v8'
import t from 'tap'
import { accessTables } from '../../src/model/access-rules.ts'
import type { SnapshotData } from '../../src/model/snapshot.ts'
import {
  type ReadSnapshot,
  type SnapshotParts,
  SnapshotReader,
  SnapshotShelf,
  SnapshotWriter,
} from '../../src/process/snapshot-parts.ts'
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

function preview(reader: SnapshotReader, parts: SnapshotParts): ReadSnapshot {
  const steps = reader.previewInSteps(parts)
  let step = steps.next()
  while (!step.done) step = steps.next()
  return step.value
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
    parts.apps.map(({ names }) => names),
    [['blog']],
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

t.test('a snapshot is read app by app, and until the last one nothing of it is in force', async (t) => {
  const writer = new SnapshotWriter()
  const reader = new SnapshotReader()
  const first = reader.read(writer.next(HISTORY[0]!))
  const next = writer.next(
    version(2, {
      apps: [
        { ...shop, maintenance: true },
        { ...blog, maintenance: true },
      ],
    }),
  )
  const steps = reader.readInSteps(next)
  t.notOk(steps.next().done)
  t.notOk(steps.next().done)
  const other = version(2, { apps: [shop, blog], onUntrusted: 'forbid' })
  const sameAsFirst = new SnapshotWriter()
  sameAsFirst.resume(HISTORY[0]!)
  t.equal(preview(reader, sameAsFirst.next(other)).data.apps[0], first.data.apps[0])
  const last = steps.next()
  t.ok(last.done)
  t.strictSame(
    (last.value as ReadSnapshot).data.apps.map(({ maintenance }) => maintenance),
    [true, true],
  )
})

t.test('tables that came by message do not hold the whole message', async (t) => {
  const parts = deserialize(serialize(new SnapshotWriter().next(HISTORY[5]!))) as SnapshotParts
  const { tables } = new SnapshotReader().read(parts)
  for (const table of [tables.inside.v4, tables.trusted!.v4, tables.proxies.v6]) {
    for (const array of [table.starts, table.values, table.index]) t.equal(array.buffer.byteLength, array.byteLength)
  }
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
    t.strictSame(preview(reader, parts), whole(planned))
  }
  const parts = writer.preview(HISTORY[1]!)
  t.strictSame(
    parts.apps.map(({ names }) => names),
    [['blog']],
  )
  t.equal(preview(reader, parts).data.apps[0], first.data.apps[0], 'what is not different is not made anew')
  t.strictSame(reader.read(writer.next(HISTORY[4]!)), whole(HISTORY[4]!))
  t.throws(() => preview(new SnapshotReader(), parts), /difference to 1, but 0 is in force/)
})
