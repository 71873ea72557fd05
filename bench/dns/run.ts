/** `node bench/dns/run.ts`: queries per CPU-second of the embedded responder, dnsmasq and unbound, asked by dnsperf over UDP. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { align, duration, grouped, percent, withSpread } from '../figures.ts'
import { describeCommit, describeMachine } from '../machine.ts'
import { cpuSecondsOfTree, usageOfTree } from '../measure.ts'
import { choose, type Options, parseOptions } from '../options.ts'
import { choosePinning, onCores, type Pinning } from '../pin.ts'
import { freePort } from '../ports.ts'
import { endProcessesWithThisOne, type Running, run, start, stopAll } from '../processes.ts'
import { findProgram, programVersion } from '../programs.ts'
import { figure, pairedRatio } from '../statistics.ts'
import { checkAnswers } from './check.ts'
import { dnsmasq } from './dnsmasq.ts'
import { postern } from './postern.ts'
import type { DnsServer } from './server.ts'
import { unbound } from './unbound.ts'
import { queries } from './zone.ts'

const SERVERS: readonly DnsServer[] = [postern, dnsmasq, unbound]
const START_MS = 10_000
const POLL_MS = 50
/** dnsperf waits up to its own timeout for the last answers. */
const GRACE_MS = 15_000

interface Round {
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly averageUs: number
  readonly cpuShare: number
  readonly pssBytes: number
}

interface Entry {
  readonly server: DnsServer
  readonly port: number
  readonly process: Running
  readonly rounds: Round[]
}

async function main(): Promise<void> {
  if (findProgram('dnsperf') === null) throw new Error('dnsperf asks the questions: apt-get install dnsperf')
  const options = parseOptions(process.argv.slice(2))
  const pinning = choosePinning()
  const directory = mkdtempSync(path.join(tmpdir(), 'postern-bench-dns-'))
  endProcessesWithThisOne()
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const questions = path.join(directory, 'queries')
  writeFileSync(questions, `${queries().join('\n')}\n`)
  const entries: Entry[] = []
  for (const server of choose(SERVERS, options.contenders, 'server')) {
    const missing = server.missing()
    if (missing === null) entries.push(await startServer(server, directory, pinning))
    else process.stderr.write(`${server.name} is left out: ${missing}\n`)
  }
  const ask = (entry: Entry, ms: number) => askFor(entry, questions, Math.max(1, Math.round(ms / 1000)), pinning)
  for (const entry of entries) await ask(entry, options.warmUpMs)
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of entries) entry.rounds.push(await ask(entry, options.roundMs))
  }
  await stopAll()
  process.stdout.write(format(entries, options, pinning))
  if (options.json !== null) {
    const rows = entries.map(({ server, rounds }) => ({ name: server.name, version: server.version(), rounds }))
    const about = { machine: describeMachine(), commit: describeCommit(), pinning: placement(pinning) }
    writeFileSync(options.json, `${JSON.stringify({ ...about, rows }, null, 1)}\n`)
  }
}

/** Resolves when the server gives every answer that it should. */
async function startServer(server: DnsServer, directory: string, pinning: Pinning): Promise<Entry> {
  const port = await freePort()
  const { command, args } = server.configure(directory, port)
  const process = await start(...onCores(pinning.contender, pinning.pinned, command, args), {
    cwd: directory,
    output: path.join(directory, `${server.name}.output`),
    errors: path.join(directory, `${server.name}.errors`),
  })
  const deadline = performance.now() + START_MS
  for (;;) {
    if (process.hasEnded) throw new Error(`${server.name} ${process.obituary()}`)
    const problems = await checkAnswers(port)
    if (problems.length === 0) return { server, port, process, rounds: [] }
    if (performance.now() > deadline) throw new Error(`${server.name}: ${problems.join('; ')}`)
    await sleep(POLL_MS)
  }
}

async function askFor(entry: Entry, questions: string, seconds: number, pinning: Pinning): Promise<Round> {
  const args = [
    '-s',
    '127.0.0.1',
    '-p',
    String(entry.port),
    '-d',
    questions,
    '-l',
    String(seconds),
    '-c',
    '8',
    '-T',
    '1',
  ]
  const before = cpuSecondsOfTree(entry.process.pid)
  const printed = await run(...onCores(pinning.load, pinning.pinned, 'dnsperf', args), seconds * 1000 + GRACE_MS)
  const cpuSeconds = cpuSecondsOfTree(entry.process.pid) - before
  const count = (pattern: RegExp) => Number(pattern.exec(printed)?.[1] ?? 0)
  const completed = count(/Queries completed: +(\d+)/)
  const lost = count(/Queries lost: +(\d+)/)
  const good = count(/NOERROR (\d+)/)
  if (completed === 0 || lost > 0 || good !== completed) {
    throw new Error(
      `${entry.server.name}: of ${completed} answers ${completed - good} were errors, and ${lost} were lost`,
    )
  }
  const ran = count(/Run time \(s\): +([\d.]+)/)
  return {
    perCpuSecond: completed / cpuSeconds,
    perSecond: completed / ran,
    averageUs: count(/Average Latency \(s\): +([\d.]+)/) * 1e6,
    cpuShare: cpuSeconds / ran,
    pssBytes: usageOfTree(entry.process.pid).pssBytes,
  }
}

function format(entries: readonly Entry[], options: Options, pinning: Pinning): string {
  const own = entries.find((entry) => entry.server === postern)
  const perCpuSecond = (entry: Entry) => entry.rounds.map((round) => round.perCpuSecond)
  const rows = entries.map((entry) => {
    const over = (pick: (round: Round) => number, shape: (value: number) => string) =>
      withSpread(figure(entry.rounds.map(pick)), shape)
    const ratio = own === undefined || own === entry ? null : pairedRatio(perCpuSecond(own), perCpuSecond(entry))
    return [
      `${entry.server.name} ${entry.server.version()}`,
      over((round) => round.perCpuSecond, grouped),
      ratio === null ? '–' : withSpread(ratio, (value) => value.toFixed(2)),
      over((round) => round.perSecond, grouped),
      over((round) => round.averageUs, duration),
      over(
        (round) => round.pssBytes,
        (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`,
      ),
      percent(figure(entry.rounds.map((round) => round.cpuShare)).median),
    ]
  })
  const machine = describeMachine()
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}, commit ${describeCommit()}, dnsperf ${programVersion('dnsperf', '-h')}`,
    `${placement(pinning)}; ${options.rounds} rounds of ${options.roundMs / 1000} s, medians, ± half of the range`,
    '',
    ...align([['', 'queries per CPU-second', 'postern ÷ it', 'queries/s', 'average', 'memory', 'core'], ...rows]),
    '',
  ].join('\n')
}

function placement({ pinned, contender, load, description }: Pinning): string {
  return pinned ? `server alone on core ${contender}, dnsperf on ${load}` : description
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  await stopAll()
}
