import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { METRICS } from '../../src/telemetry/metric-table.ts'
import { processMetrics } from '../../src/telemetry/process-metrics.ts'
import { RouterMetrics } from '../../src/telemetry/router-metrics.ts'

const run = promisify(execFile)

/** Sample lines of the text format 0.0.4: name, labels with escaped values, number. */
const SAMPLE =
  /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?(?:\d[\d.e+-]*|\+?Inf)|Nan)$/

async function busyExposition(): Promise<string> {
  const metrics = new RouterMetrics()
  metrics.app('shop').finished(200, '', 3, 2, 1, 1)
  metrics.app('shop').finished(503, 'H12', 30_000, -1, 1, 1)
  metrics.noApp.finished(404, 'P02', 1, 1, 0, 61)
  metrics.listener('public')
  metrics.dnsQuery('A', 'NOERROR')
  metrics.setDynoSource(() => [{ app: 'shop', state: 'up', health: 'passing' }])
  metrics.setZoneSource((zone) => zone === 'b')
  metrics.setDiscoverySource(() => [{ app: 'shop', ageSeconds: 0.25, failing: false }])
  const apps = [{ app: 'shop', inFlight: 1, queued: 0, busyConnections: 1, idleConnections: 0 }]
  metrics.setDataPlaneSource(() => ({ snapshotVersion: 1, apps }))
  metrics.setWorkerSource('1', () => ({ residentBytes: 1, cpuSeconds: 0.5, eventLoopDelaySeconds: 0.001 }))
  metrics.setProcessSource(() => ({
    workers: { starting: 0, up: 1, draining: 0 },
    restarts: { worker: 2, control: 0 },
    reload: { ok: true, atMs: 1_800_000_000_000 },
  }))
  return metrics.exposition() + (await processMetrics().metrics())
}

t.test('every line is a comment or a sample, and samples follow the type of their metric', async (t) => {
  const text = await busyExposition()
  t.ok(text.endsWith('\n'))
  const typed = new Map<string, string>()
  const seen = new Set<string>()
  let current = ''
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line)
    if (type !== null) {
      current = type[1]!
      t.notOk(typed.has(current), `${current} is typed once`)
      typed.set(current, type[2]!)
    } else if (line !== '' && !line.startsWith('# HELP ')) {
      const name = SAMPLE.exec(line)?.[1]
      t.ok(name !== undefined, line)
      const base = typed.get(current) === 'histogram' ? name?.replace(/_(bucket|sum|count)$/, '') : name
      t.equal(base, current, 'series of a metric stand together')
      const series = line.slice(0, line.lastIndexOf(' '))
      t.notOk(seen.has(series), `${series} is there once`)
      seen.add(series)
    }
  }
  for (const { name, type } of Object.values(METRICS)) t.equal(typed.get(name), type, name)
})

t.test('the names follow the customs: counters end in _total, times in _seconds, sizes in _bytes', async (t) => {
  for (const { name, type, help } of Object.values(METRICS)) {
    t.match(name, /^postern_[a-z_]+$/)
    t.equal(name.endsWith('_total'), type === 'counter', name)
    if (/duration|age|first_byte/.test(name)) t.match(name, /_seconds$/)
    t.notOk(help.endsWith('.') || help.includes('\n') || help.includes('|'), 'one sentence, whose full stop is added')
  }
})

t.test('buckets ascend, and the last one is the count', async (t) => {
  const lines = (await busyExposition()).split('\n')
  const buckets = lines.filter((line) => line.startsWith('postern_request_duration_seconds_bucket{app="shop"'))
  const counts = buckets.map((line) => Number(line.slice(line.lastIndexOf(' '))))
  t.strictSame(
    counts,
    counts.toSorted((a, b) => a - b),
  )
  t.match(buckets.at(-1), /le="\+Inf"} 2$/)
  t.ok(lines.includes('postern_request_duration_seconds_count{app="shop"} 2'))
  t.ok(lines.includes('postern_request_duration_seconds_sum{app="shop"} 30.003'))
})

t.test('a listener may have any name', async (t) => {
  const metrics = new RouterMetrics()
  metrics.listener('a"b\\c\nd')
  t.match(metrics.exposition(), /^postern_client_connections\{listener="a\\"b\\\\c\\nd"\} 0$/m)
})

t.test('process and Node are described, without what takes longer the more connections are open', async (t) => {
  const text = await busyExposition()
  const names = ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds']
  for (const name of [...names, 'nodejs_heap_size_used_bytes']) t.match(text, new RegExp(`^${name} `, 'm'))
  t.notMatch(text, /nodejs_active_/)
  t.equal(processMetrics(), processMetrics(), 'one registry per process')
})

t.test('open descriptors are counted', { skip: process.platform !== 'linux' && 'needs /proc' }, async (t) => {
  const shown = /^process_open_fds (\d+)$/m.exec(await busyExposition())
  if (shown === null) return t.pass('a kernel before 6.2 does not say')
  t.ok(Number(shown[1]) > 3)
})

t.test('metrics do not keep a process alive', async (t) => {
  const file = new URL('../../src/telemetry/process-metrics.ts', import.meta.url).href
  const script = `import { processMetrics } from '${file}'; await processMetrics().metrics()`
  const { stderr } = await run(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 })
  t.notMatch(stderr, /Error/)
})
