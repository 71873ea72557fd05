import { quote } from './scalars.ts'

/** Keys of maps and indexes of lists, from the top. */
export type Path = readonly PropertyKey[]

/** `apps.shop.domains[1]` */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[A-Za-z0-9_$-]+$/.test(String(step))) text += `[${quote(String(step))}]`
    else text += text === '' ? String(step) : `.${String(step)}`
  }
  return text
}

export function valueAt(value: unknown, path: Path): unknown {
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<PropertyKey, unknown>)[step]
  }
  return value
}

/** Something in the data and where it is. */
export interface Found {
  readonly path: Path
  readonly value: unknown
}

/**
 * Everything at `pattern`, where `*` stands for each key of a map or index of a list: `select(data, 'apps.*.domains.*')`.
 * What is not there, or not of that shape, is passed over, so that it works on data that was not checked.
 */
export function select(data: unknown, pattern: string): Found[] {
  let found: Found[] = [{ path: [], value: data }]
  for (const step of pattern.split('.')) {
    found = found.flatMap(({ path, value }) =>
      stepsOf(value, step).map((key) => ({ path: [...path, key], value: valueAt(value, [key]) })),
    )
  }
  return found
}

function stepsOf(value: unknown, step: string): PropertyKey[] {
  if (Array.isArray(value)) return step === '*' ? [...value.keys()] : []
  if (typeof value !== 'object' || value === null) return []
  if (step === '*') return Object.keys(value)
  return Object.hasOwn(value, step) ? [step] : []
}
