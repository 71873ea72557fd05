import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import { type CounterDump, mergeCounters, retireCounters } from '../../src/telemetry/counter-dump.ts'
import { BLOCK_REASONS, ERROR_CODES, RETRY_REASONS } from '../../src/telemetry/metric-table.ts'
import { type DynoGauge, RouterMetrics } from '../../src/telemetry/router-metrics.ts'

/** The router's own series, by name with labels. */
function series(metrics: RouterMetrics, others?: CounterDump[]): Map<string, number> {
  const lines = metrics
    .exposition(others)
    .split('\n')
    .filter((line) => line.startsWith('postern_'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

t.test('a request counts by app, status class and code, with its times and bytes', async (t) => {
  const metrics = new RouterMetrics()
  const shop = metrics.app('shop')
  shop.finished(200, '', 12.5, 10, 5, 100)
  shop.finished(204, '', 0.5, 0.4, 0, 0)
  shop.finished(503, 'H12', 30_000, -1, 1, 50)
  shop.finished(101, '', 70_000, 3, 2, 3)
  metrics.noApp.finished(404, 'P02', 0.2, 0.2, 0, 61)
  const shown = series(metrics)
  t.equal(shown.get('postern_requests_total{app="shop",status="2xx",code=""}'), 2)
  t.equal(shown.get('postern_requests_total{app="shop",status="5xx",code="H12"}'), 1)
  t.equal(shown.get('postern_requests_total{app="shop",status="1xx",code=""}'), 1)
  t.equal(shown.get('postern_requests_total{app="",status="4xx",code="P02"}'), 1)
  t.equal(shown.get('postern_request_bytes_total{app="shop"}'), 8)
  t.equal(shown.get('postern_response_bytes_total{app="shop"}'), 153)
  const duration = (le: string) => shown.get(`postern_request_duration_seconds_bucket{app="shop",le="${le}"}`)
  t.strictSame(
    [duration('0.001'), duration('0.01'), duration('0.025'), duration('30'), duration('+Inf')],
    [1, 1, 2, 3, 4],
  )
  t.equal(shown.get('postern_request_duration_seconds_sum{app="shop"}'), 100.013)
  t.equal(shown.get('postern_request_duration_seconds_count{app="shop"}'), 4)
  t.equal(shown.get('postern_first_byte_seconds_count{app="shop"}'), 3, 'a request without an answer has no first byte')
})

t.test('every code of the table has a label, and any other is one and the same', async (t) => {
  const metrics = new RouterMetrics()
  for (const code of [...ERROR_CODES, 'X01', 'X02', '__proto__']) metrics.app('shop').finished(503, code, 1, 1, 0, 0)
  metrics.app('shop').finished(0, 'P01', 1, -1, 0, 0)
  metrics.app('shop').finished(799, '', 1, 1, 0, 0)
  const shown = series(metrics)
  for (const code of ERROR_CODES)
    t.equal(shown.get(`postern_requests_total{app="shop",status="5xx",code="${code}"}`), 1, code)
  t.equal(shown.get('postern_requests_total{app="shop",status="5xx",code="other"}'), 3)
  t.equal(shown.get('postern_requests_total{app="shop",status="none",code="P01"}'), 1, 'no status was sent')
  t.equal(shown.get('postern_requests_total{app="shop",status="none",code=""}'), 1, 'nor is 799 one')
})

t.test('queries of any type and answer make no more series than the table has', async (t) => {
  const metrics = new RouterMetrics()
  metrics.dnsQuery('SRV', 'NOERROR')
  metrics.dnsQuery('AAAA', 'NXDOMAIN')
  for (let type = 0; type < 1000; type++) metrics.dnsQuery(`TYPE${type}`, `RCODE${type}`)
  const shown = [...series(metrics)].filter(([name]) => name.startsWith('postern_dns'))
  t.strictSame(shown, [
    ['postern_dns_queries_total{type="AAAA",rcode="NXDOMAIN"}', 1],
    ['postern_dns_queries_total{type="SRV",rcode="NOERROR"}', 1],
    ['postern_dns_queries_total{type="other",rcode="other"}', 1000],
  ])
})

t.test('blocked clients, retries, quarantines and lost lines are counted by their reasons', async (t) => {
  const metrics = new RouterMetrics()
  for (const reason of BLOCK_REASONS) metrics.clientBlocked(reason)
  metrics.clientBlocked('denied-range')
  for (const reason of RETRY_REASONS) metrics.app('shop').retried(reason)
  metrics.app('shop').retried('unheard of' as 'other')
  metrics.app('shop').quarantined()
  metrics.logLinesDropped(41)
  metrics.logLinesDropped(1)
  const shown = series(metrics)
  t.strictSame(
    BLOCK_REASONS.map((reason) => shown.get(`postern_blocked_clients_total{reason="${reason}"}`)),
    [1, 2, 1, 1],
  )
  t.strictSame(
    RETRY_REASONS.map((reason) => shown.get(`postern_retries_total{app="shop",reason="${reason}"}`)),
    [1, 1, 1, 1, 2],
  )
  t.equal(shown.get('postern_quarantines_total{app="shop"}'), 1)
  t.equal(shown.get('postern_log_lines_dropped_total'), 42)
})

t.test('series live and die with their app', async (t) => {
  const metrics = new RouterMetrics()
  metrics.app('shop').quarantined()
  const old = metrics.app('blog')
  metrics.noApp.finished(404, 'P02', 1, 1, 0, 0)
  metrics.retainApps(['shop', 'new'])
  old.finished(200, '', 1, 1, 0, 0)
  const names = [...series(metrics).keys()]
  t.notOk(
    names.some((name) => name.includes('app="blog"')),
    'a request that ends later does not bring it back',
  )
  t.ok(names.some((name) => name.includes('app="shop"')))
  t.ok(
    names.some((name) => name.includes('app="",status="4xx",code="P02"')),
    'requests of no app stay',
  )
  t.equal(metrics.app('shop'), metrics.app('shop'), 'one object per app')
  t.not(metrics.app('blog'), old, 'an app of the same name begins anew')
})

t.test('requests of no app have no dynos, retries or quarantines', async (t) => {
  const names = [...series(new RouterMetrics()).keys()]
  t.strictSame(
    names.filter((name) => name.includes('app=""')),
    [],
  )
})

t.test('client connections count by listener, whose index outlives reloads', async (t) => {
  const metrics = new RouterMetrics()
  const open = metrics.listener('public')
  const inner = metrics.listener('internal')
  metrics.connectionOpened(open)
  metrics.connectionOpened(open)
  metrics.connectionOpened(inner)
  metrics.connectionClosed(open)
  t.equal(metrics.listener('public'), open)
  const shown = series(metrics)
  t.equal(shown.get('postern_client_connections{listener="public"}'), 1)
  t.equal(shown.get('postern_client_connections_accepted_total{listener="public"}'), 2)
  t.equal(shown.get('postern_client_connections{listener="internal"}'), 1)
})

t.test('what is held now is asked for at each look', async (t) => {
  const metrics = new RouterMetrics()
  let version = 7
  let dynos: DynoGauge[] = [
    { app: 'shop', state: 'up', health: '' },
    { app: 'shop', state: 'up', health: '' },
    { app: 'shop', state: 'starting', health: '' },
  ]
  metrics.setDataPlaneSource(() => ({
    snapshotVersion: version,
    apps: [{ app: 'shop', inFlight: 3, queued: 0, busyConnections: 3, idleConnections: 5 }],
  }))
  metrics.setDynoSource(() => dynos)
  metrics.setZoneSource((zone) => zone === 'b')
  metrics.setDiscoverySource(() => [{ app: 'shop', ageSeconds: 1.5, failing: true }])
  let shown = series(metrics)
  t.equal(shown.get('postern_snapshot_version'), 7)
  t.equal(shown.get('postern_zone_down{zone="a"}'), 0)
  t.equal(shown.get('postern_zone_down{zone="b"}'), 1)
  t.equal(shown.get('postern_requests_in_flight{app="shop"}'), 3)
  t.equal(shown.get('postern_requests_queued{app="shop"}'), 0)
  t.equal(shown.get('postern_backend_connections{app="shop",use="busy"}'), 3)
  t.equal(shown.get('postern_backend_connections{app="shop",use="idle"}'), 5)
  t.equal(shown.get('postern_dynos{app="shop",state="up"}'), 2)
  t.equal(shown.get('postern_dynos{app="shop",state="crashed"}'), 0, 'an app with dynos shows every state')
  t.equal(shown.get('postern_discovery_age_seconds{app="shop"}'), 1.5)
  t.equal(shown.get('postern_discovery_failing{app="shop"}'), 1)

  version = 8
  dynos = []
  metrics.setDiscoverySource(() => [])
  shown = series(metrics)
  t.equal(shown.get('postern_snapshot_version'), 8)
  t.notOk(shown.has('postern_dynos{app="shop",state="up"}'), 'what is not told any more is not shown any more')
  t.notOk(shown.has('postern_discovery_failing{app="shop"}'))
})

t.test('counters of several processes add up to what one process would have counted', async (t) => {
  const event = fc.record({
    process: fc.nat(2),
    app: fc.constantFrom('shop', 'blog', ''),
    status: fc.constantFrom(0, 101, 200, 404, 503),
    code: fc.constantFrom('', 'H12', 'P02', 'unknown'),
    ms: fc.nat(100_000),
    bytes: fc.nat(1_000_000),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      const workers = [new RouterMetrics(), new RouterMetrics(), new RouterMetrics()]
      const one = new RouterMetrics()
      for (const { process, app, status, code, ms, bytes } of events) {
        for (const metrics of [workers[process]!, one]) {
          metrics.app(app).finished(status, code, ms, ms - 1, bytes, bytes)
          metrics.dnsQuery('A', code === '' ? 'NOERROR' : 'NXDOMAIN')
          metrics.connectionOpened(metrics.listener('public'))
        }
      }
      const dumps = workers.map((worker) => JSON.parse(JSON.stringify(worker.snapshotCounters())) as CounterDump)
      const sorted = (shown: Map<string, number>) => [...shown].sort(([a], [b]) => (a < b ? -1 : 1))
      const expected = sorted(series(one))
      deepStrictEqual(sorted(series(new RouterMetrics(), dumps)), expected)
      const pairwise = mergeCounters([mergeCounters([dumps[2]!, dumps[0]!]), dumps[1]!])
      deepStrictEqual(sorted(series(new RouterMetrics(), [pairwise])), expected, 'in any order and grouping')
    }),
    { numRuns: 30 },
  )
  t.pass()
})

t.test('gauges of several processes become one as the table says', async (t) => {
  const worker = (snapshotVersion: number, inFlight: number) => {
    const metrics = new RouterMetrics()
    const apps = [{ app: 'shop', inFlight, queued: 0, busyConnections: inFlight, idleConnections: 1 }]
    metrics.setDataPlaneSource(() => ({ snapshotVersion, apps }))
    return metrics.snapshotCounters()
  }
  const shown = series(new RouterMetrics(), [worker(9, 2), worker(8, 5)])
  t.equal(shown.get('postern_snapshot_version'), 8, 'the oldest in force')
  t.equal(shown.get('postern_requests_in_flight{app="shop"}'), 7)
  t.equal(shown.get('postern_backend_connections{app="shop",use="idle"}'), 2)
})

t.test('of a process that has ended stays what it counted, not what it held', async (t) => {
  const metrics = new RouterMetrics()
  metrics.connectionOpened(metrics.listener('public'))
  metrics.app('shop').finished(200, '', 1, 1, 0, 10)
  metrics.setDynoSource(() => [{ app: 'shop', state: 'up', health: '' }])
  const shown = series(new RouterMetrics(), [retireCounters(metrics.snapshotCounters())])
  t.equal(shown.get('postern_requests_total{app="shop",status="2xx",code=""}'), 1)
  t.equal(shown.get('postern_client_connections_accepted_total{listener="public"}'), 1)
  t.notOk(shown.has('postern_client_connections{listener="public"}'))
  t.notOk(shown.has('postern_dynos{app="shop",state="up"}'))
})

t.test('a dump has only the cells that hold something', async (t) => {
  const metrics = new RouterMetrics()
  for (let app = 0; app < 100; app++) metrics.app(`app-${app}`).finished(200, '', 1, 1, 0, 1)
  const bytes = JSON.stringify(metrics.snapshotCounters()).length
  t.ok(bytes < 100 * 120, `${bytes} bytes`)
})

t.test('counters of another version are refused rather than added to the wrong series', async (t) => {
  const dump = new RouterMetrics().snapshotCounters()
  t.throws(() => mergeCounters([{ ...dump, layout: [1, 2, 3] }]), TypeError)
  t.throws(() => mergeCounters([{ ...dump, layout: dump.layout.slice(1) }]), TypeError)
})
