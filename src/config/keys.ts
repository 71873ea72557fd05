import * as z from 'zod'

/**
 * Live: a running router takes a changed value over with `apply`. Restart: the value counts from the next start on.
 */
export type Takes = 'live' | 'restart'

/** Alternative: exactly one of the alternatives of a map must be there. */
export type Presence = 'required' | 'optional' | 'defaulted' | 'alternative'

/** What people are told about one key. The schema is the only place that says it; check, docs and examples read it from there. */
export interface KeyInfo {
  /** One sentence. */
  readonly text: string
  readonly takes: Takes
  readonly presence: Presence
  /** As it would be written in a file: the default, or where there is none an example. */
  readonly shown: unknown
}

export const keyInfo = z.registry<KeyInfo>()

/** A key with a default, written as in a file. */
export function key<S extends z.ZodType>(type: S, fallback: z.input<S>, takes: Takes, text: string): z.ZodPrefault<S> {
  const schema = z.prefault(type, fallback)
  keyInfo.add(schema, { text, takes, presence: 'defaulted', shown: fallback })
  return schema
}

/** A key that must be there. */
export function required<S extends z.ZodType>(type: S, example: z.input<S>, takes: Takes, text: string): S {
  // A scalar type serves many keys: each gets its own copy to hang its sentence on.
  const schema = z.clone(type, type.def, { parent: true }) as S
  keyInfo.add(schema, { text, takes, presence: 'required', shown: example })
  return schema
}

/** A key that may be left out, which means something that no value does. */
export function optional<S extends z.ZodType>(
  type: S,
  example: z.input<S>,
  takes: Takes,
  text: string,
): z.ZodOptional<S> {
  const schema = z.optional(type)
  keyInfo.add(schema, { text, takes, presence: 'optional', shown: example })
  return schema
}

/** One of several keys of which exactly one must be there. The schema takes any; a check of its own holds the rule. */
export function alternative<S extends z.ZodType>(
  type: S,
  example: z.input<S>,
  takes: Takes,
  text: string,
): z.ZodOptional<S> {
  const schema = z.optional(type)
  keyInfo.add(schema, { text, takes, presence: 'alternative', shown: example })
  return schema
}

/** What the keys of a map by name are called (`NAME`) and what one is in an example (`shop`). */
export interface MapNames {
  readonly placeholder: string
  readonly example: string
  /** Regular expression for the JSON Schema; the rule itself is held by a check. */
  readonly pattern: string
}

export const mapNames = z.registry<MapNames>()

export function mapOf<S extends z.ZodType>(names: MapNames, value: S): z.ZodRecord<z.ZodString, S> {
  const schema = z.record(z.string(), value)
  mapNames.add(schema, names)
  return schema
}
