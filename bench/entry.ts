import { once } from 'node:events'
import { closeSync, openSync, readSync, truncateSync } from 'node:fs'
import { request } from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from './contenders/contender.ts'
import { apps, type Facts, requestHost, type SpaceShape, trustedCidrs } from './facts.ts'
import { openFilesLimit } from './measure.ts'
import { onCores } from './pin.ts'
import { freePort } from './ports.ts'
import { type Running, start } from './processes.ts'
import { makeDirectory, type Stage } from './stage.ts'

const START_MS = 60_000
const POLL_MS = 50
/** Contenders that write their log in blocks do so at least every second. */
const LOG_FLUSH_MS = 1_300

/** A contender that is running: it, the space that it was given, its process, and an account of its log. */
export class Entry {
  readonly contender: Contender
  readonly shape: SpaceShape
  readonly facts: Facts
  readonly process: Running
  readonly #attached: Running[] = []
  #requests = 0
  #logLines = 0

  private constructor(contender: Contender, shape: SpaceShape, facts: Facts, process: Running) {
    this.contender = contender
    this.shape = shape
    this.facts = facts
    this.process = process
  }

  get name(): string {
    return this.contender.name
  }

  get host(): string {
    return requestHost(this.facts.apps)
  }

  /** Configures and starts a contender; resolves when it answers a request with 200. */
  static async start(stage: Stage, contender: Contender, shape: SpaceShape, logs: boolean): Promise<Entry> {
    const directory = makeDirectory(stage, `${contender.name}-${shape.apps}-${logs ? 'logs' : 'quiet'}`)
    const facts: Facts = {
      directory,
      port: await freePort(),
      sparePort: await freePort(),
      apps: apps(shape, stage.dynos),
      trustedCidrs: trustedCidrs(),
      accessLog: logs ? path.join(directory, 'access.log') : null,
      openFiles: openFilesLimit(),
    }
    const { command, args, logsToOutput } = contender.configure(facts)
    const profiling = contender.name === 'postern' && stage.profileDirectory !== null
    const nodeOptions = profiling ? ['--cpu-prof', `--cpu-prof-dir=${stage.profileDirectory}`] : []
    const { contender: cores, pinned } = stage.pinning
    const [program, programArgs] = onCores(cores, pinned, command, [...nodeOptions, ...args])
    const output = logsToOutput === true && facts.accessLog !== null ? facts.accessLog : path.join(directory, 'output')
    const process = await start(program, programArgs, {
      cwd: directory,
      output,
      errors: path.join(directory, 'errors'),
    })
    const entry = new Entry(contender, shape, facts, process)
    await entry.#untilItAnswers()
    return entry
  }

  /** Counts what was asked of it, to compare with what it logged. */
  asked(requests: number): void {
    this.#requests += requests
  }

  /** Counts the lines that it logged since the last call and empties the file: a long run would fill the disk. */
  collectLog(): void {
    if (this.facts.accessLog === null) return
    this.#logLines += countLines(this.facts.accessLog)
    truncateSync(this.facts.accessLog)
  }

  /**
   * What is wrong with its log, or null. A line per request is part of the job, so one that loses lines was not measured doing it. More
   * lines than answers are in order: requests that the end of a round cut off are logged too.
   */
  auditLog(): string | null {
    this.collectLog()
    const [lines, requests] = [this.#logLines, this.#requests]
    this.#logLines = 0
    this.#requests = 0
    if (this.facts.accessLog === null) return null
    return lines >= requests * 0.99 ? null : `logged ${lines} lines for ${requests} requests`
  }

  /** A process that holds connections to it, to be stopped before it. */
  attach(process: Running): void {
    this.#attached.push(process)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#attached.map((process) => process.stop()))
    await this.process.stop()
  }

  async #untilItAnswers(): Promise<void> {
    const deadline = performance.now() + START_MS
    while (performance.now() < deadline) {
      if (this.process.hasEnded) throw new Error(this.process.obituary())
      if ((await this.#status()) === 200) return
      await sleep(POLL_MS)
    }
    await this.stop()
    throw new Error(`no answer with status 200 within ${START_MS / 1000} s`)
  }

  async #status(): Promise<number> {
    const asked = request({
      host: '127.0.0.1',
      port: this.facts.port,
      path: '/bytes/1',
      headers: { Host: this.host, Connection: 'close' },
      timeout: 1_000,
    })
    asked.on('timeout', () => asked.destroy())
    asked.end()
    try {
      const [answer] = await once(asked, 'response')
      answer.resume()
      return answer.statusCode
    } catch {
      return 0 // not listening yet
    }
  }
}

/** Lets every log be written out, then gives each contender's complaint by name. */
export async function auditLogs(entries: readonly Entry[]): Promise<string[]> {
  if (entries.some((entry) => entry.facts.accessLog !== null)) await sleep(LOG_FLUSH_MS)
  return entries.flatMap((entry) => {
    const complaint = entry.auditLog()
    return complaint === null ? [] : [`${entry.name}: ${complaint}`]
  })
}

function countLines(file: string): number {
  const buffer = Buffer.allocUnsafe(1 << 20)
  let lines = 0
  let fd: number
  try {
    fd = openSync(file, 'r+')
  } catch {
    return 0
  }
  for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) {
    const piece = buffer.subarray(0, read)
    for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, at + 1)) lines++
  }
  closeSync(fd)
  return lines
}
