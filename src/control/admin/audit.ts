import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../refusal.ts'
import type { AuditEntry } from '../state/records.ts'
import type { StateStore } from '../state/state-store.ts'

/** What an entry says beyond who and when. */
export type AuditContent = Pick<AuditEntry, 'action' | 'change'> & { readonly app?: string }

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the audit trail says of such a request once it is done: without secrets. null: nothing. */
    audit?: (request: FastifyRequest) => AuditContent | null
  }
}

const READING = ['GET', 'HEAD', 'OPTIONS']

/** Every change that is made here is in the audit trail before it is answered. To be called before there are routes. */
export function keepAudit(app: FastifyInstance, state: StateStore): void {
  app.addHook('onRoute', ({ method, url, config }) => {
    const isReading = [method].flat().every((each) => READING.includes(each))
    if (!isReading && !config?.audit) throw new Error(`${method} ${url} does not say what the audit trail is to have`)
  })
  app.addHook('onSend', async (request, reply) => {
    const content = reply.statusCode < 300 ? (request.routeOptions.config.audit?.(request) ?? null) : null
    if (content === null) return
    const at = new Date().toISOString()
    try {
      await state.audit({ at, by: request.by, app: '', ...content })
    } catch (error) {
      throw new Refusal('unavailable', `it is done, but not in the audit trail: ${(error as Error).message}`)
    }
  })
}
