import type { FastifyRequest } from 'fastify'

/** Pieces of JSON Schema, of which the routes make theirs. */
export const text = { type: 'string' } as const
export const texts = { type: 'array', items: text } as const
export const whole = { type: 'integer' } as const
export const flag = { type: 'boolean' } as const
export const time = { type: 'string', format: 'date-time', description: 'ISO 8601' } as const

type Properties = Readonly<Record<string, object>>

/** What is answered. */
export const map = (properties: Properties) => ({ type: 'object', properties }) as const
export const list = (properties: Properties) => ({ type: 'array', items: map(properties) }) as const
/** What may be missing: null. */
export const orNull = <T extends { readonly type: string }>(schema: T) => ({ ...schema, type: [schema.type, 'null'] })
/** What is asked: any other key is an error. */
export const body = (properties: Properties, required: readonly string[] = []) =>
  ({ type: 'object', properties, required, additionalProperties: false }) as const

/** What the operator gets when it is not done. */
export const failure = map({ id: { ...text, description: 'not_found, conflict …' }, message: text })

/** By their parameters in the path. */
export const named = (...names: string[]) =>
  ({ type: 'object', properties: Object.fromEntries(names.map((name) => [name, text])), required: names }) as const

export function param(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string>)[name]!
}
