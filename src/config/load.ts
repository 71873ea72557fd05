import { resolve } from 'node:path'
import type { ConfigResult, Problem } from './config.ts'
import { crossCheck } from './cross-checks.ts'
import { normalise } from './normalise.ts'
import { outlineOf } from './outline.ts'
import type { Path } from './path.ts'
import { limited, ProblemList } from './problems.ts'
import { readBounded } from './read-file.ts'
import { spaceFile } from './schema.ts'
import { objectSource, type Source, yamlSource } from './source.ts'

const OUTLINE = outlineOf(spaceFile)

/** Reads and checks a file. Problems name the file as it was given here; it never throws for what is wrong with the file. */
export async function loadConfig(file: string): Promise<ConfigResult> {
  const read = await readBounded(file)
  return 'problem' in read ? failed([read.problem]) : parseFile(read.text, file)
}

/** Checks the text that was in a file, as `parseConfig`; and that it was written to its end. */
export function parseFile(text: string, file: string): ConfigResult {
  const result = parseConfig(text, file)
  const cut = cutShort(text, file)
  if (cut === null) return result
  return failed(result.ok ? [cut] : [...result.problems, cut])
}

/**
 * The beginning of a YAML file is good YAML more often than not: without the apps that follow, or with `10` for `100`. But where a disk was full, or a
 * writer is at work, the last line has hardly ever its end. A map in braces cannot be cut unnoticed.
 */
function cutShort(text: string, file: string): Problem | null {
  if (text === '' || text.endsWith('\n') || text.trimStart().startsWith('{')) return null
  const lines = text.split('\n')
  const message = 'the last line has no end, so this may be half of a file; end it with a newline'
  return { file, line: lines.length, column: lines.at(-1)!.length + 1, path: '', message }
}

/** Checks the text of a file (YAML 1.2, or JSON). Relative paths in it are relative to the folder of `file`. */
export function parseConfig(text: string, file: string): ConfigResult {
  const { source, problems } = yamlSource(text, file)
  if (source === null) return failed(problems)
  if (problems.length === 0 && source.value === null) {
    return failed([
      { file, line: 1, column: 1, path: '', message: 'the file is empty; give at least space and listeners' },
    ])
  }
  return checkSource(source, problems)
}

/** What was found wrong only after the text was checked, with its places. `text` is that of a good file. */
export function problemsAt(
  text: string,
  file: string,
  found: readonly { readonly path: Path; readonly message: string }[],
): Problem[] {
  const problems = new ProblemList(yamlSource(text, file).source!, OUTLINE, [])
  for (const { path, message } of found) problems.add(path, 'value', message)
  return limited(problems.all)
}

/** Checks what a program gives, in the shape of the file. Relative paths are relative to the current directory. */
export function configFromObject(value: unknown): ConfigResult {
  return checkSource(objectSource(value), [])
}

function checkSource(source: Source, known: readonly Problem[]): ConfigResult {
  const problems = new ProblemList(source, OUTLINE, known)
  const parsed = spaceFile.safeParse(source.value)
  if (!parsed.success) problems.addIssues(parsed.error.issues)
  crossCheck({ data: source.value, outline: OUTLINE }, problems)
  if (!parsed.success || problems.all.length > 0) return failed(problems.all)
  return { ok: true, config: normalise(parsed.data, source.file === '' ? '' : resolve(source.file)) }
}

function failed(problems: readonly Problem[]): ConfigResult {
  return { ok: false, problems: limited(problems) }
}
