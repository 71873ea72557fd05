import { type ChildProcess, fork } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import type { Problem } from './config.ts'
import { appsIn, type ConfigDigests, type ConfigParts, configParts } from './config-parts.ts'
import { missingFolders } from './folders.ts'
import { parseFile, problemsAt } from './load.ts'
import { readBounded } from './read-file.ts'

/** From this size on the reading takes longer (half a second) than a process takes to start. */
const LARGE_FILE_BYTES = 256 * 1024
/** Where workers keep every processor busy it is left a tenth of one. The lowest leaves a seventieth: too little to end an attack by a reload. */
const LOW_PRIORITY = constants.priority.PRIORITY_BELOW_NORMAL
/** The largest file takes a minute of a processor, of a tenth of one ten. */
const LONGEST_READING_MS = 15 * 60_000

/** What whoever asks has already. */
export interface KnownFile {
  /** Of the text that it was read from; '' not known. */
  readonly textDigest: string
  readonly digests: ConfigDigests
}

/** `parts`: what differs from what was known. */
export type ConfigReading =
  | { readonly ok: true; readonly textDigest: string; readonly parts: ConfigParts }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const NOTHING_KNOWN: KnownFile = { textDigest: '', digests: new Map() }
const NO_DIFFERENCE: ConfigParts = { keys: null, pieces: [] }

/**
 * Reads and checks a file for a process that has other things to do meanwhile: a large one in a process of its own, whose memory goes when
 * it ends. `lowPriority`: others need the processors more. Never rejects for what is wrong with the file, nor when that process dies.
 */
export async function loadConfigAside(
  file: string,
  known: KnownFile = NOTHING_KNOWN,
  { lowPriority = false } = {},
): Promise<ConfigReading> {
  const bytes = await stat(file).then(
    ({ size }) => size,
    () => 0,
  )
  return bytes < LARGE_FILE_BYTES ? read({ file, known }) : readByProcess({ file, known }, lowPriority)
}

interface Task {
  readonly file: string
  readonly known: KnownFile
}

async function read({ file, known }: Task): Promise<ConfigReading> {
  const text = await readBounded(file)
  if ('problem' in text) return { ok: false, problems: [text.problem] }
  const textDigest = hash('sha256', text.text, 'base64')
  if (textDigest === known.textDigest) return { ok: true, textDigest, parts: NO_DIFFERENCE }
  const result = parseFile(text.text, file)
  if (!result.ok) return result
  const parts = configParts(result.config, known.digests)
  // At a start the dynos themselves say that, one by one: it is no reason to serve nobody. And what was so before keeps no other change out.
  const missing = known.digests.size === 0 ? [] : await missingFolders(appsIn(parts))
  if (missing.length > 0) return { ok: false, problems: problemsAt(text.text, file, missing) }
  return { ok: true, textDigest, parts }
}

async function readByProcess(task: Task, lowPriority: boolean): Promise<ConfigReading> {
  const { file } = task
  const failed = (message: string): ConfigReading => {
    return { ok: false, problems: [{ file, line: 0, column: 0, path: '', message }] }
  }
  // Pieces travel as texts, which JSON would have to escape.
  const reader = fork(import.meta.filename, {
    serialization: 'advanced',
    // Its garbage would be collected by threads of another priority than its own.
    execArgv: [...process.execArgv, '--single-threaded-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const gone = endOf(reader)
  const kill = () => void reader.kill('SIGKILL')
  process.once('exit', kill)
  const late = Promise.withResolvers<ConfigReading>()
  const timer = setTimeout(() => {
    late.resolve(failed(`was not read within ${LONGEST_READING_MS / 60_000} minutes; the processors are too busy`))
  }, LONGEST_READING_MS)
  try {
    if (lowPriority && reader.pid !== undefined) setPriority(reader.pid, LOW_PRIORITY)
    reader.send(task, () => {})
    const answered = once(reader, 'message').then(([reading]) => reading as ConfigReading)
    const died = gone.then((how) => failed(`cannot be read: the process for it ${how}; is there memory left?`))
    return await Promise.race([answered, died, late.promise])
  } finally {
    clearTimeout(timer)
    kill()
    await gone
    process.off('exit', kill)
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `was killed by ${signal}` : `exited with status ${code}`))
    child.once('error', ({ message }) => resolve(`could not be started: ${message}`))
  })
}

// This module is the program of that process, too. Without its parent it ends when it has read.
if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  process.title = 'postern reading'
  process.once('message', async (task) => process.send!(await read(task as Task), () => {}))
}
