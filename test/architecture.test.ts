import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import t from 'tap'

/** The rules of docs/architecture.md: who may import whom. Type-only imports count: they are knowledge too. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  model: [],
  wire: [],
  telemetry: [],
  dns: ['telemetry'],
  config: ['model'],
  proxy: ['model', 'wire', 'telemetry'],
  control: ['model', 'config', 'dns', 'telemetry'],
  process: ['model', 'wire', 'telemetry', 'config', 'proxy', 'control'],
}
/** May import anything, and nothing imports them but each other. */
const DOORS = ['', 'cli']
/** `model/` and `wire/` are pure: no I/O and no timers. */
const PURE = ['model', 'wire']
const PURE_BUILTINS = ['node:net', 'node:buffer']

const root = resolve(import.meta.dirname, '../src')

interface Import {
  readonly from: string
  readonly to: string
}

function sourceFiles(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => file.replaceAll('\\', '/'))
}

function specifiers(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const pattern =
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm
  return [...text.matchAll(pattern)].map((match) => (match[1] ?? match[2] ?? match[3])!)
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : ''
}

function internalImports(): Import[] {
  return sourceFiles().flatMap((from) =>
    specifiers(from)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => ({
        from,
        to: relative(root, resolve(root, dirname(from), specifier)).replaceAll('\\', '/'),
      })),
  )
}

t.test('each folder imports only what it may', async (t) => {
  const broken = internalImports().filter(({ from, to }) => {
    const [importer, imported] = [folderOf(from), folderOf(to)]
    if (importer === imported || DOORS.includes(importer)) return false
    return !(MAY_IMPORT[importer] ?? []).includes(imported)
  })
  t.strictSame(broken, [])
  t.ok(internalImports().length > 50, 'imports are found at all')
})

t.test('every import leads to a file inside src', async (t) => {
  const files = new Set(sourceFiles())
  t.strictSame(
    internalImports().filter(({ to }) => !files.has(to) && !to.endsWith('.json')),
    [],
  )
})

t.test('every folder has its rule', async (t) => {
  const folders = new Set(sourceFiles().map(folderOf))
  for (const folder of folders) t.ok(folder in MAY_IMPORT || DOORS.includes(folder), folder || '(top)')
})

t.test('no import cycles', async (t) => {
  const graph = new Map<string, string[]>()
  for (const { from, to } of internalImports()) graph.set(from, [...(graph.get(from) ?? []), to])
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  t.strictSame(cycles, [])
})

t.test('what lies before the registry and what lies behind it do not know each other', async (t) => {
  const halves = ['control/announced-dynos.ts', 'control/routing.ts']
  const between = internalImports().filter(({ from, to }) => halves.includes(from) && halves.includes(to))
  t.strictSame(between, [])
  t.ok(
    halves.every((half) =>
      internalImports().some(({ from, to }) => from === 'control/control-plane.ts' && to === half),
    ),
  )
})

t.test('model and wire are pure: no I/O, no timers, no clock', async (t) => {
  for (const file of sourceFiles().filter((file) => PURE.includes(folderOf(file)))) {
    const builtins = specifiers(file).filter((specifier) => specifier.startsWith('node:'))
    t.strictSame(
      builtins.filter((builtin) => !PURE_BUILTINS.includes(builtin)),
      [],
      file,
    )
    const text = readFileSync(join(root, file), 'utf8')
    t.notMatch(text, /\b(setTimeout|setInterval|setImmediate|Date\.now|performance\.now)\(/, file)
  }
})

t.test('no file is named for nothing', async (t) => {
  const vague = sourceFiles().filter((file) => /(^|\/)(utils?|helpers?|common|misc|shared|manager)\.ts$/.test(file))
  t.strictSame(vague, [])
})
