import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AdminSource } from '../admin-source.ts'
import { stableUuid } from '../identity.ts'
import { body, failure, list, map, orNull, text, time } from '../schemas.ts'

/** Heroku's, with labels. */
export interface InboundRulesetView {
  readonly id: string
  readonly space: { readonly id: string; readonly name: string }
  readonly created_at: string | null
  readonly created_by: string
  /** Whether the file sets them, in which case only it can change them. */
  readonly set_by: 'file' | 'api' | 'default'
  readonly rules: readonly RuleView[]
}

export interface RuleView {
  readonly action: 'allow' | 'deny'
  /** A CIDR. */
  readonly source: string
  readonly label: string
}

/** What stands for rules that nobody has made: as Heroku begins a space. */
const EVERYONE: readonly RuleView[] = [
  { action: 'allow', source: '0.0.0.0/0', label: '' },
  { action: 'allow', source: '::/0', label: '' },
]

const rule = { action: { ...text, enum: ['allow', 'deny'] }, source: { ...text, description: 'a CIDR' } }
/** As in the file: one line. */
const label = { ...text, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]*$' }
const view = map({
  id: text,
  space: map({ id: text, name: text }),
  created_at: orNull(time),
  created_by: text,
  set_by: { ...text, enum: ['file', 'api', 'default'] },
  rules: list({ ...rule, label: text }),
})
const wanted = body({ rules: { type: 'array', items: body({ ...rule, label }, ['source']), maxItems: 10_000 } }, [
  'rules',
])

type Wanted = { rules: { source: string; action?: 'allow' | 'deny'; label?: string }[] }

export function addInboundRulesetRoutes(app: FastifyInstance, source: AdminSource): void {
  const show = (reply: FastifyReply): InboundRulesetView => {
    const { name } = source.config().space
    const { rules, etag, setBy, by, changedAtMs } = source.settings.inboundRules()
    void reply.header('etag', etag)
    return {
      id: stableUuid(`${name}/inbound-ruleset/${etag}`),
      space: { id: stableUuid(name), name },
      created_at: changedAtMs === 0 ? null : new Date(changedAtMs).toISOString(),
      created_by: by,
      set_by: setBy,
      rules: rules?.map(({ cidr, action, label }) => ({ action, source: cidr, label })) ?? EVERYONE,
    }
  }

  app.get(
    '/space/inbound-ruleset',
    { schema: { summary: 'Trusted ranges of the space, with an ETag', response: { 200: view } } },
    (_request, reply) => show(reply),
  )

  app.put<{ Body: Wanted }>(
    '/space/inbound-ruleset',
    {
      schema: {
        summary: 'Replace all trusted ranges at once; If-Match has to have the ETag of those before',
        body: wanted,
        headers: { type: 'object', properties: { 'if-match': text } },
        response: { 200: view, 409: failure, 412: failure, 422: failure, 428: failure },
      },
      config: {
        audit: (request: FastifyRequest) => ({
          action: 'inbound-ruleset',
          change: { rules: (request.body as Wanted).rules },
        }),
      },
    },
    async (request, reply) => {
      const rules = request.body.rules.map(({ source, action = 'allow' as const, label = '' }) => {
        return { cidr: source, action, label }
      })
      await source.settings.replaceInboundRules(rules, request.headers['if-match'], request.by)
      return show(reply)
    },
  )
}
