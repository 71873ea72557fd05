import { BlockLayout, type MetricDefinition, type Owner } from './metrics.ts'

/** Every code of the table of errors (proxy/router-error.ts, which the compiler holds to this list). */
export const ERROR_CODES = [
  'H10',
  'H11',
  'H12',
  'H13',
  'H14',
  'H15',
  'H17',
  'H18',
  'H19',
  'H20',
  'H21',
  'H22',
  'H24',
  'H25',
  'H26',
  'H27',
  'H28',
  'H31',
  'H32',
  'H80',
  'H81',
  'H99',
  'P01',
  'P02',
  'P03',
  'P04',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

/** Index is the first digit of the status; `none` for requests that ended before there was one. */
export const STATUS_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const
/** No error first, then the table's; `other` is what a label says rather than grow without end. */
export const CODE_LABELS = ['', ...ERROR_CODES, 'other'] as const
export const RETRY_REASONS = [
  'connect-refused',
  'connect-timeout',
  'connect-failed',
  'stale-connection',
  'other',
] as const
export const BLOCK_REASONS = ['untrusted-source', 'denied-range', 'internal-listener', 'app-range'] as const
export const DYNO_STATES = ['starting', 'up', 'draining', 'down', 'crashed'] as const
export const HEALTHS = ['unknown', 'passing', 'failing'] as const
export const CHECK_RESULTS = ['passed', 'failed'] as const
/** Those that dynos are placed in. */
export const ZONE_LABELS = ['a', 'b', 'c'] as const
export const CONNECTION_USES = ['busy', 'idle'] as const
export const DNS_TYPES = [
  'A',
  'AAAA',
  'SRV',
  'TXT',
  'PTR',
  'SOA',
  'NS',
  'CNAME',
  'MX',
  'HTTPS',
  'ANY',
  'other',
] as const
export const DNS_RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'other'] as const

export const WORKER_STATES = ['starting', 'up', 'draining'] as const
export const PROCESS_KINDS = ['worker', 'control'] as const

export type WorkerState = (typeof WORKER_STATES)[number]
export type ProcessKind = (typeof PROCESS_KINDS)[number]
export type RetryReason = (typeof RETRY_REASONS)[number]
export type BlockReason = (typeof BLOCK_REASONS)[number]
export type HealthLabel = (typeof HEALTHS)[number]
export type DynoStateLabel = (typeof DYNO_STATES)[number]

/** From what a router in the same rack answers to the timeouts of behaviour (30 s first byte, 55 s idle). */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Every metric of the router, in the order in which it is shown. docs/metrics.md is this table. */
export const METRICS = {
  requests: counter('app', 'postern_requests_total', 'Requests that ended, by status class and error code', {
    labels: { status: STATUS_CLASSES, code: CODE_LABELS },
    sparse: true,
  }),
  requestDuration: histogram(
    'app',
    'postern_request_duration_seconds',
    'From the first byte of the request to the last byte of the answer',
    DURATION_BUCKETS,
  ),
  firstByte: histogram(
    'app',
    'postern_first_byte_seconds',
    'From the first byte of the request to the first byte of the answer',
    DURATION_BUCKETS,
  ),
  requestBytes: counter('app', 'postern_request_bytes_total', 'Body bytes from clients'),
  responseBytes: counter('app', 'postern_response_bytes_total', 'Body bytes to clients, tunnels included'),
  inFlight: gauge('app', 'postern_requests_in_flight', 'Requests and tunnels that dynos are working on'),
  queued: gauge('app', 'postern_requests_queued', 'Requests that wait for a dyno'),
  backendConnections: gauge('app', 'postern_backend_connections', 'Open connections to dynos', {
    labels: { use: CONNECTION_USES },
  }),
  retries: counter('app', 'postern_retries_total', 'Attempts beyond the first, by what ended the one before', {
    labels: { reason: RETRY_REASONS },
  }),
  quarantines: counter('app', 'postern_quarantines_total', 'Times that a dyno was passed over after a failed connect'),
  dynos: gauge('app', 'postern_dynos', 'Dynos that the control plane knows of, by state', {
    labels: { state: DYNO_STATES },
  }),
  dynoHealth: gauge('app', 'postern_dynos_health', 'Dynos whose health is checked, by what the checks say', {
    labels: { health: HEALTHS },
  }),
  healthChecks: counter('app', 'postern_health_checks_total', 'Health checks of dynos, by outcome', {
    labels: { result: CHECK_RESULTS },
  }),
  discoveryAge: gauge('app', 'postern_discovery_age_seconds', 'Time since DNS last answered for the app', {
    merge: 'max',
  }),
  discoveryFailing: gauge('app', 'postern_discovery_failing', '1 while the last good DNS answer is kept in use', {
    merge: 'max',
  }),
  zonesDown: gauge('router', 'postern_zone_down', '1 while no dyno is placed in the zone', {
    labels: { zone: ZONE_LABELS },
    merge: 'max',
  }),
  clientConnections: gauge('listener', 'postern_client_connections', 'Open client connections'),
  clientConnectionsAccepted: counter(
    'listener',
    'postern_client_connections_accepted_total',
    'Client connections that were accepted',
  ),
  blockedClients: counter('router', 'postern_blocked_clients_total', 'Clients refused for where they come from', {
    labels: { reason: BLOCK_REASONS },
  }),
  dnsQueries: counter('router', 'postern_dns_queries_total', 'Queries to the embedded DNS server, by type and answer', {
    labels: { type: DNS_TYPES, rcode: DNS_RCODES },
    sparse: true,
  }),
  logLinesDropped: counter(
    'router',
    'postern_log_lines_dropped_total',
    'Access log lines lost to a slow, full or closed sink',
  ),
  snapshotVersion: gauge('router', 'postern_snapshot_version', 'Snapshot in force; of several workers the oldest', {
    merge: 'min',
  }),
  reloadSuccess: gauge(
    'router',
    'postern_config_last_reload_success',
    '1 when the file was taken over the last time it was read, 0 when the configuration before it stays',
    { merge: 'max' },
  ),
  reloadTimestamp: gauge(
    'router',
    'postern_config_last_reload_timestamp_seconds',
    'When the file was last read, Unix time',
    { merge: 'max' },
  ),
  workers: gauge('router', 'postern_workers', 'Worker processes, by state', { labels: { state: WORKER_STATES } }),
  restarts: counter('router', 'postern_process_restarts_total', 'Processes started in place of one that failed', {
    labels: { process: PROCESS_KINDS },
  }),
  workerSnapshot: gauge('worker', 'postern_worker_snapshot_version', 'Snapshot in force in the worker', {
    merge: 'max',
  }),
  workerResident: gauge('worker', 'postern_worker_resident_bytes', 'Resident memory of the worker', { merge: 'max' }),
  workerDelay: gauge(
    'worker',
    'postern_worker_event_loop_delay_seconds',
    'Longest delay of the event loop of the worker in the last second',
    { merge: 'max' },
  ),
  workerCpu: counter('worker', 'postern_worker_cpu_seconds_total', 'Processor time of the worker'),
} as const satisfies Record<string, MetricDefinition>

const ALL: readonly MetricDefinition[] = Object.values(METRICS)

export const LAYOUTS: Readonly<Record<Owner, BlockLayout>> = {
  router: new BlockLayout(ALL.filter((metric) => metric.owner === 'router')),
  worker: new BlockLayout(ALL.filter((metric) => metric.owner === 'worker')),
  app: new BlockLayout(ALL.filter((metric) => metric.owner === 'app')),
  listener: new BlockLayout(ALL.filter((metric) => metric.owner === 'listener')),
}

/** The table of docs/metrics.md, in Markdown. */
export function metricsTable(): string {
  const rows = ALL.map((metric) => {
    const labels = metric.owner === 'router' ? [] : [`\`${metric.owner}\``]
    for (const [label, values] of Object.entries(metric.labels)) {
      labels.push(`\`${label}\`: ${values.map((value) => (value === '' ? 'empty' : value)).join(', ')}`)
    }
    const buckets = metric.type === 'histogram' ? ` Buckets: ${metric.buckets.join(', ')}.` : ''
    return `| \`${metric.name}\` | ${metric.type} | ${labels.join('; ')} | ${metric.help}.${buckets} |`
  })
  return ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

interface Options {
  readonly labels?: Readonly<Record<string, readonly string[]>>
  readonly merge?: 'sum' | 'min' | 'max'
  readonly sparse?: boolean
}

function counter(owner: Owner, name: string, help: string, { labels = {}, sparse = false }: Options = {}) {
  return { name, type: 'counter', help, owner, labels, buckets: [], scale: 1, merge: 'sum', sparse } as const
}

function gauge(owner: Owner, name: string, help: string, { labels = {}, merge = 'sum' }: Options = {}) {
  return { name, type: 'gauge', help, owner, labels, buckets: [], scale: 1, merge, sparse: false } as const
}

/** Observed in milliseconds, shown in seconds. */
function histogram(owner: Owner, name: string, help: string, buckets: readonly number[]) {
  return {
    name,
    type: 'histogram',
    help,
    owner,
    labels: {},
    buckets,
    scale: 0.001,
    merge: 'sum',
    sparse: true,
  } as const
}
