import { stringify } from 'yaml'
import { type Outline, type OutlineKey, outlineOf } from './outline.ts'
import { spaceFile } from './schema.ts'

const HEAD = `# yaml-language-server: $schema=space.schema.json
# Every key of a space file at its default, made from the schema by \`npm run generate\`. What has no default is an
# example; where it may be left out, it is commented out. A change of what is marked (restart) counts from the next start on.
`

/** config/space.full.yml */
export function fullExample(): string {
  const outline = outlineOf(spaceFile)
  if (outline.shape !== 'section') return HEAD
  return [HEAD, ...outline.keys.map((key) => `${keyLines(key).join('\n')}\n`)].join('\n')
}

/** A value on one line, as YAML. */
export function flowText(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd()
}

function keyLines({ key, info, value }: OutlineKey, isFirstAlternative = false): string[] {
  const sentence = `# ${info.text}${info.takes === 'restart' ? ' (restart)' : ''}`
  const isLive = info.presence === 'required' || info.presence === 'defaulted' || isFirstAlternative
  const inline = [`${key}: ${flowText(info.shown)}`]
  const spread = blockLines(key, value)
  if (spread === null) return [sentence, ...(isLive ? inline : comment(inline))]
  // A list or a short form stands at its default, and what it may hold is shown below it.
  const standsShort = info.presence === 'defaulted' && (value.shape === 'list' || value.shape === 'short-or-long')
  if (standsShort) return [sentence, ...inline, ...comment(spread)]
  return [sentence, ...(isLive ? spread : comment(spread))]
}

/** The key with the keys inside it below; null when there are none. */
function blockLines(key: string, value: Outline): string[] | null {
  const inner = innerLines(value)
  return inner && [`${key}:`, ...indent(inner)]
}

function innerLines(value: Outline): string[] | null {
  switch (value.shape) {
    case 'scalar':
      return null
    case 'section': {
      const alternative = value.keys.find(({ info }) => info.presence === 'alternative')
      return value.keys.flatMap((key) => keyLines(key, key === alternative))
    }
    case 'named':
      return blockLines(value.names.example, value.value)
    case 'list':
      return item(innerLines(value.item))
    case 'short-or-long':
      return innerLines(value.long)
  }
}

function item(lines: string[] | null): string[] | null {
  return lines && indent(lines).map((line, index) => (index === 0 ? `-${line.slice(1)}` : line))
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`)
}

function comment(lines: readonly string[]): string[] {
  return lines.map((line) => `# ${line}`)
}
