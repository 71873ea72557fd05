import * as z from 'zod'
import { type KeyInfo, keyInfo, type MapNames, mapNames } from './keys.ts'
import type { Path } from './path.ts'
import { type ScalarKind, scalarKinds } from './scalars.ts'

/** The schema as a tree of keys, for whoever tells people about it. */
export type Outline =
  | { readonly shape: 'scalar'; readonly kind: ScalarKind }
  | { readonly shape: 'section'; readonly keys: readonly OutlineKey[] }
  | { readonly shape: 'named'; readonly names: MapNames; readonly value: Outline }
  | { readonly shape: 'list'; readonly item: Outline }
  /** A single value, or a map that says more. */
  | { readonly shape: 'short-or-long'; readonly short: Outline; readonly long: Outline }

export interface OutlineKey {
  readonly key: string
  readonly info: KeyInfo
  readonly value: Outline
}

export function outlineOf(schema: z.core.$ZodType): Outline {
  const kind = scalarKinds.get(schema as z.ZodType)
  if (kind !== undefined) return { shape: 'scalar', kind }
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) return outlineOf(schema.unwrap())
  if (schema instanceof z.ZodArray) return { shape: 'list', item: outlineOf(schema.element) }
  if (schema instanceof z.ZodRecord) {
    return { shape: 'named', names: mapNames.get(schema)!, value: outlineOf(schema.valueType) }
  }
  if (schema instanceof z.ZodUnion) {
    const [short, long] = schema.options
    return { shape: 'short-or-long', short: outlineOf(short!), long: outlineOf(long!) }
  }
  if (schema instanceof z.ZodObject) {
    const keys = Object.entries<z.ZodType>(schema.shape).map(([key, value]) => {
      const info = keyInfo.get(value)
      if (info === undefined) throw new Error(`the schema says nothing about the key ${key}`)
      return { key, info, value: outlineOf(value) }
    })
    return { shape: 'section', keys }
  }
  throw new Error(`the schema has a ${schema._zod.def.type}, which has no outline`)
}

/** The keys that may stand in the map at `path`. */
export function keysAt(root: Outline, path: Path): readonly OutlineKey[] {
  let here: Outline | undefined = root
  for (const step of path) {
    here = here && stepInto(here, step)
  }
  const section = here?.shape === 'short-or-long' ? here.long : here
  return section?.shape === 'section' ? section.keys : []
}

function stepInto(outline: Outline, step: PropertyKey): Outline | undefined {
  switch (outline.shape) {
    case 'section':
      return outline.keys.find(({ key }) => key === step)?.value
    case 'named':
      return outline.value
    case 'list':
      return outline.item
    case 'short-or-long':
      return stepInto(outline.long, step)
    case 'scalar':
      return undefined
  }
}

/** One key with where it stands: `apps.APP.timeouts.connect`, `listeners[].name`. */
export interface PlacedKey {
  readonly path: string
  readonly key: OutlineKey
}

/** Every key, parents before children, in the order of the schema. */
export function* allKeys(outline: Outline, prefix = ''): Generator<PlacedKey> {
  switch (outline.shape) {
    case 'section':
      for (const key of outline.keys) {
        const path = prefix === '' ? key.key : `${prefix}.${key.key}`
        yield { path, key }
        yield* allKeys(key.value, path)
      }
      break
    case 'named':
      yield* allKeys(outline.value, `${prefix}.${outline.names.placeholder}`)
      break
    case 'list':
      yield* allKeys(outline.item, `${prefix}[]`)
      break
    case 'short-or-long':
      yield* allKeys(outline.long, prefix)
  }
}
