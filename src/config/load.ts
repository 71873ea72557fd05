import { resolve } from 'node:path'
import type { ConfigResult, Problem } from './config.ts'
import { crossCheck } from './cross-checks.ts'
import { normalise } from './normalise.ts'
import { outlineOf } from './outline.ts'
import { limited, ProblemList } from './problems.ts'
import { readBounded } from './read-file.ts'
import { spaceFile } from './schema.ts'
import { objectSource, type Source, yamlSource } from './source.ts'

const OUTLINE = outlineOf(spaceFile)

/** Reads and checks a file. Problems name the file as it was given here; it never throws for what is wrong with the file. */
export async function loadConfig(file: string): Promise<ConfigResult> {
  const read = await readBounded(file)
  return 'problem' in read ? failed([read.problem]) : parseConfig(read.text, file)
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
