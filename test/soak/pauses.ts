import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'

const OWN_PAUSES = join(import.meta.dirname, 'own-pauses.ts')
/** What is less than this is the grain of timers. */
const HELD_UP_MS = 1

/** How long event loops stood still in a stretch of time, in ms. */
export interface Pauses {
  /** On the clock. */
  readonly p99Ms: number
  readonly longestMs: number
  /** The longest without the time in which even the guards could not run. */
  readonly longestOfOursMs: number
  /** What a process itself worked in a pause, at most. */
  readonly workedMs: number
}

interface Tick {
  readonly endMs: number
  readonly lateMs: number
}

/**
 * Watches how long the event loops of processes stand still, and what the machine has to do with it: on each core a guard of
 * the highest priority that there is (real time, SCHED_FIFO) does nothing but tick. When it is late, the kernel or the host had the core, and
 * nobody could have run on it.
 */
export class PauseWatch {
  readonly #folder = mkdtempSync(join(tmpdir(), 'postern-pauses-'))
  readonly #guards: ChildProcess[] = []

  constructor() {
    process.env.PAUSES_FOLDER = this.#folder
    process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import ${OWN_PAUSES}`
    if (spawnSync('chrt', ['-f', '50', 'taskset', '-c', '0', 'true']).status !== 0) return
    for (let core = 0; core < availableParallelism(); core++) {
      // Among threads of real-time priority V8 waits for its helpers by spinning, forever.
      const forever = ['--single-threaded', '-e', 'setInterval(() => {}, 1e6)']
      this.#guards.push(
        spawn('chrt', ['-f', '50', 'taskset', '-c', String(core), process.execPath, ...forever], { stdio: 'ignore' }),
      )
    }
  }

  /** False: without the right to a real-time priority all that takes a core counts as ours. */
  get guarded(): boolean {
    return this.#guards.length > 0
  }

  /** Of these processes since `fromMs` (since 1970). */
  since(fromMs: number, pids: readonly number[]): Pauses {
    const processes = pids.map((pid) => this.#read(pid, fromMs))
    const held = this.#guards
      .flatMap(({ pid }) => this.#read(pid!, fromMs).ticks)
      .filter(({ lateMs }) => lateMs > HELD_UP_MS)
    const all = processes.flatMap(({ ticks }) => ticks)
    const sorted = all.map(({ lateMs }) => lateMs).sort((one, other) => one - other)
    return {
      p99Ms: sorted[Math.floor(sorted.length * 0.99)]!,
      longestMs: sorted.at(-1)!,
      longestOfOursMs: Math.max(...all.map((tick) => tick.lateMs - overlapMs(tick, held))),
      workedMs: Math.max(...processes.map(({ workedMs }) => workedMs)),
    }
  }

  end(): void {
    for (const guard of this.#guards) guard.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true })
  }

  #read(pid: number, fromMs: number): { workedMs: number; ticks: Tick[] } {
    const file = join(this.#folder, String(pid))
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
    let workedMs = 0
    const ticks: Tick[] = []
    for (const line of lines) {
      const [worked, ...rest] = line.split(' ')
      const ofLine = rest.map((tick) => {
        const [endMs, lateMs] = tick.split('/').map(Number)
        return { endMs: endMs!, lateMs: lateMs! }
      })
      if (ofLine.length === 0 || ofLine.at(-1)!.endMs < fromMs) continue
      workedMs = Math.max(workedMs, Number(worked))
      ticks.push(...ofLine.filter(({ endMs }) => endMs >= fromMs))
    }
    return { workedMs, ticks }
  }
}

/** How much of a pause lies in the others, which may overlap each other. */
function overlapMs({ endMs, lateMs }: Tick, others: readonly Tick[]): number {
  const parts = others
    .map((other) => [Math.max(endMs - lateMs, other.endMs - other.lateMs), Math.min(endMs, other.endMs)] as const)
    .filter(([from, to]) => to > from)
    .sort(([one], [other]) => one - other)
  let sumMs = 0
  let coveredMs = 0
  for (const [from, to] of parts) {
    if (to <= coveredMs) continue
    sumMs += to - Math.max(from, coveredMs)
    coveredMs = to
  }
  return sumMs
}
