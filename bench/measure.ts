import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ: the unit of times in /proc. It is 100 on every Linux that Node supports, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100

/** CPU time and memory of a process and all its descendants. */
export interface Usage {
  /** User and system time, those of descendants that have ended included. The kernel keeps it exactly and shows it in steps of 10 ms. */
  readonly cpuSeconds: number
  /** Resident; pages that processes share are counted in each. */
  readonly rssBytes: number
  /** Resident; pages that processes share are divided among them. */
  readonly pssBytes: number
}

export function usageOfTree(root: number): Usage {
  let ticks = 0
  let rssBytes = 0
  let pssBytes = 0
  for (const pid of tree(root)) {
    const stat = readStat(pid)
    if (stat === null) continue
    ticks += stat.ticks
    const rollup = readText(`/proc/${pid}/smaps_rollup`)
    rssBytes += kilobytes(rollup, 'Rss') * 1024
    pssBytes += kilobytes(rollup, 'Pss') * 1024
  }
  return { cpuSeconds: ticks / TICKS_PER_SECOND, rssBytes, pssBytes }
}

/** CPU time of the tree alone: cheaper, for the two ends of a round. */
export function cpuSecondsOfTree(root: number): number {
  let ticks = 0
  for (const pid of tree(root)) ticks += readStat(pid)?.ticks ?? 0
  return ticks / TICKS_PER_SECOND
}

/** Seconds that these cores have been busy since boot, with whatever ran on them: shows who else was on the contender's core. */
export function busySeconds(cores: readonly number[]): number {
  const stat = readText('/proc/stat')
  let ticks = 0
  for (const core of cores) {
    const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(stat)
    const [user = 0, nice = 0, system = 0, , , interrupt = 0, softInterrupt = 0] = (line?.[1] ?? '')
      .trim()
      .split(/\s+/)
      .map(Number)
    ticks += user + nice + system + interrupt + softInterrupt
  }
  return ticks / TICKS_PER_SECOND
}

/** Hard limit of open files of this process; its children inherit it. */
export function openFilesLimit(): number {
  const limit = /^Max open files\s+\S+\s+(\d+)/m.exec(readText('/proc/self/limits'))?.[1]
  return limit === undefined ? 65_536 : Number(limit)
}

/** Root first. One pass over /proc: a parent is found through each process's own word, so grandchildren are found too. */
function tree(root: number): number[] {
  const childrenOf = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    const stat = Number.isInteger(pid) ? readStat(pid) : null
    if (stat === null) continue
    const siblings = childrenOf.get(stat.parent)
    if (siblings === undefined) childrenOf.set(stat.parent, [pid])
    else siblings.push(pid)
  }
  const pids = [root]
  for (let i = 0; i < pids.length; i++) pids.push(...(childrenOf.get(pids[i]!) ?? []))
  return pids
}

/** proc(5): fields after the command, which is in parentheses and may hold anything. */
function readStat(pid: number): { parent: number; ticks: number } | null {
  const text = readText(`/proc/${pid}/stat`)
  if (text === '') return null
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // utime, stime, and cutime, cstime: of children that have ended and were waited for.
  return {
    parent: Number(fields[1]),
    ticks: Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]),
  }
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // the process ended meanwhile
  }
}
