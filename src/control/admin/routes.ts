import type { FastifyInstance } from 'fastify'
import type { DynoRow } from './dyno-rows.ts'
import type { Topology } from './topology.ts'

/** What operators may do with the router as a whole. */
export interface Operations {
  /** Reads the file again and takes it into use, or says why not. */
  reload(): Promise<ReloadOutcome>
  /** What `reload` would do now. */
  plan(): Promise<PlanOutcome>
  /** Begins to replace every process by one from the program on disk. */
  upgrade(): void
  processes(): ProcessTable
  /** What operators should know although traffic may come. */
  warnings(): string[]
}

export interface ReloadOutcome {
  readonly ok: boolean
  /** False: what is in the file is in use already. */
  readonly changed: boolean
  /** One line each; empty when it is ok. */
  readonly problems: readonly string[]
  /** What was changed, one line each. */
  readonly changes: readonly string[]
}

export interface PlanOutcome {
  readonly ok: boolean
  readonly problems: readonly string[]
  readonly changes: readonly string[]
  /** Tunnels that are open now and would be cut, by app. */
  readonly endedTunnels: readonly { readonly app: string; readonly tunnels: number }[]
}

export interface ProcessTable {
  readonly processes: readonly ProcessRow[]
  /** Where the router listens; of port 0 the one that it got. */
  readonly listeners: readonly { readonly name: string; readonly address: string }[]
  /** How the last upgrade went: '' there was none. */
  readonly upgrade: '' | 'running' | 'done' | 'failed'
}

export interface ProcessRow {
  /** `supervisor`, `control`, `worker.1` */
  readonly name: string
  readonly pid: number
  readonly state: 'starting' | 'up' | 'draining'
  /** When it was started, ISO 8601. */
  readonly since: string
  /** 0 for what is no worker. */
  readonly snapshotVersion: number
  readonly connections: number
  readonly inFlight: number
}

/** What the routes show. */
export interface AdminSource {
  /** Why traffic should not be sent here; none: it may. */
  notReady(): string[]
  dynos(): DynoRow[]
  topology(): Topology
  /** Metrics as Prometheus text. */
  exposition(): Promise<string>
  readonly operations: Operations | null
}

const text = { type: 'string' } as const
const texts = { type: 'array', items: text } as const
const whole = { type: 'integer' } as const
const list = (properties: Record<string, object>) => ({ type: 'array', items: { type: 'object', properties } }) as const

const health = { type: 'object', properties: { status: text, reasons: texts, warnings: texts } } as const
const reload = {
  type: 'object',
  properties: { ok: { type: 'boolean' }, changed: { type: 'boolean' }, problems: texts, changes: texts },
} as const
const plan = {
  type: 'object',
  properties: {
    ok: { type: 'boolean' },
    problems: texts,
    changes: texts,
    endedTunnels: list({ app: text, tunnels: whole }),
  },
} as const
const processes = {
  type: 'object',
  properties: {
    processes: list({
      name: text,
      pid: whole,
      state: text,
      since: text,
      snapshotVersion: whole,
      connections: whole,
      inFlight: whole,
    }),
    listeners: list({ name: text, address: text }),
    upgrade: { ...text, enum: ['', 'running', 'done', 'failed'] },
  },
} as const
const dynos = list({
  app: text,
  dyno: { ...text, description: 'process type and number: web.1' },
  state: { ...text, enum: ['starting', 'up', 'draining', 'down', 'crashed'] },
  az: text,
  address: { ...text, description: 'address and port' },
  release: text,
  inFlight: whole,
  health: { ...text, enum: ['', 'unknown', 'passing', 'failing'], description: 'empty when it is not checked' },
  healthReason: { ...text, description: 'why the last check failed' },
  since: { ...text, description: 'ISO 8601; empty when it is not known' },
})
const topology = {
  type: 'object',
  properties: {
    version: whole,
    apps: list({
      id: text,
      name: text,
      domains: texts,
      formations: list({
        id: text,
        process_type: text,
        dynos: list({ id: text, number: whole, private_ip: text, hostname: text }),
      }),
    }),
  },
} as const

export function addRoutes(app: FastifyInstance, source: AdminSource): void {
  app.get('/healthz', { schema: { summary: 'The control plane runs', response: { 200: health } } }, () => ({
    status: 'ok',
    reasons: [],
    warnings: [],
  }))

  app.get(
    '/readyz',
    { schema: { summary: 'Whether traffic should be sent here', response: { 200: health, 503: health } } },
    (_request, reply) => {
      const reasons = source.notReady()
      return reply.code(reasons.length === 0 ? 200 : 503).send({
        status: reasons.length === 0 ? 'ok' : 'not ready',
        reasons,
        warnings: source.operations?.warnings() ?? [],
      })
    },
  )

  app.get(
    '/metrics',
    { schema: { summary: 'Metrics in the Prometheus text format', response: { 200: text }, produces: ['text/plain'] } },
    async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await source.exposition()),
  )

  app.get('/dynos', { schema: { summary: 'Every dyno and how it is doing', response: { 200: dynos } } }, () =>
    source.dynos(),
  )

  app.get(
    '/topology',
    { schema: { summary: 'Apps, formations and running dynos, as Heroku shows a space', response: { 200: topology } } },
    () => source.topology(),
  )

  if (source.operations !== null) addOperations(app, source.operations)

  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
}

function addOperations(app: FastifyInstance, operations: Operations): void {
  app.post(
    '/reload',
    { schema: { summary: 'Read the configuration file again', response: { 200: reload, 422: reload } } },
    async (_request, reply) => {
      const outcome = await operations.reload()
      return reply.code(outcome.ok ? 200 : 422).send(outcome)
    },
  )

  app.get(
    '/plan',
    { schema: { summary: 'What a reload would change', response: { 200: plan, 422: plan } } },
    async (_request, reply) => {
      const outcome = await operations.plan()
      return reply.code(outcome.ok ? 200 : 422).send(outcome)
    },
  )

  app.post(
    '/upgrade',
    { schema: { summary: 'Replace every process by one from the program on disk', response: { 202: processes } } },
    (_request, reply) => {
      operations.upgrade()
      return reply.code(202).send(operations.processes())
    },
  )

  app.get('/processes', { schema: { summary: 'The processes of the router', response: { 200: processes } } }, () =>
    operations.processes(),
  )
}
