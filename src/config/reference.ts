import { flowText } from './full-example.ts'
import { allKeys, type Outline, type OutlineKey, outlineOf } from './outline.ts'
import { spaceFile } from './schema.ts'

/** The tables of docs/configuration.md, in Markdown: one for each top-level key. */
export function configurationTables(): string {
  const outline = outlineOf(spaceFile)
  if (outline.shape !== 'section') return ''
  return outline.keys.map(tableOf).join('\n\n')
}

function tableOf(top: OutlineKey): string {
  const rows = [...allKeys({ shape: 'section', keys: [top] })].map(({ path, key }) =>
    [`\`${path}\``, typeText(key.value), defaultText(key), key.info.takes, key.info.text].map(cell).join(' | '),
  )
  return [
    `### ${top.key}`,
    '',
    '| key | type | default | change | meaning |',
    '|---|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n')
}

function typeText(value: Outline): string {
  switch (value.shape) {
    case 'scalar':
      return value.kind.name
    case 'section':
      return 'map'
    case 'named':
      return value.value.shape === 'scalar' ? `map of ${typeText(value.value)} by name` : 'map by name'
    case 'list':
      return value.item.shape === 'section' ? 'list of maps' : `list: ${typeText(value.item)}`
    case 'short-or-long':
      return `${typeText(value.short)}; or a map`
  }
}

function defaultText({ info, value }: OutlineKey): string {
  // The keys in it have theirs.
  if (info.presence === 'defaulted' && value.shape === 'section') return ''
  switch (info.presence) {
    case 'required':
      return 'required'
    case 'optional':
      return 'left out'
    case 'alternative':
      return 'one of these'
    case 'defaulted':
      return `\`${flowText(info.shown)}\``
  }
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
