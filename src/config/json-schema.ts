import * as z from 'zod'
import { keyInfo, mapNames } from './keys.ts'
import { scalarKinds } from './scalars.ts'
import { spaceFile } from './schema.ts'

/** The schema of the space file as JSON Schema 2020-12, for editors: what they check and complete as people type. */
export function jsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(spaceFile, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema: json }) {
      const type = zodSchema as unknown as z.ZodType
      const kind = scalarKinds.get(type)
      if (kind !== undefined) Object.assign(json, kind.json)
      const names = mapNames.get(type)
      if (names !== undefined) json.propertyNames = { pattern: names.pattern }
      const info = keyInfo.get(type)
      if (info !== undefined) json.description = info.text
      const alternatives = alternativesOf(type)
      if (alternatives.length > 0) json.oneOf = alternatives.map((key) => ({ required: [key] }))
    },
  })
  return { ...schema, title: 'Postern space file' }
}

function alternativesOf(type: z.ZodType): string[] {
  if (!(type instanceof z.ZodObject)) return []
  const keys = Object.entries<z.ZodType>(type.shape)
  return keys.filter(([, value]) => keyInfo.get(value)?.presence === 'alternative').map(([key]) => key)
}
