import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

// `node --import` this into a process: it appends to PAUSES_FOLDER/PID, about every quarter of a second, a line: how much the process itself worked at most in one
// pause of its event loop since the last line, and for every tick when it came (ms since 1970) and by how much late, as `end/late`, in ms. What is
// longer than the work is what other processes, the kernel or the host took of the core.

const TICK_MS = 5
const LINE_MS = 250

const file = join(process.env.PAUSES_FOLDER!, String(process.pid))
let seenAtMs = performance.now()
let cpu = process.threadCpuUsage()
let ticks: string[] = []
let workedMs = 0
let lineAtMs = seenAtMs

setInterval(() => {
  const nowMs = performance.now()
  const usage = process.threadCpuUsage()
  const lateMs = Math.max(0, nowMs - seenAtMs - TICK_MS)
  ticks.push(`${(performance.timeOrigin + nowMs).toFixed(1)}/${lateMs.toFixed(1)}`)
  // Of the work in this stretch nobody knows how much was done in one go: all of it, at worst.
  workedMs = Math.max(workedMs, Math.min(lateMs, (usage.user + usage.system - cpu.user - cpu.system) / 1000))
  seenAtMs = nowMs
  cpu = usage
  if (nowMs < lineAtMs + LINE_MS) return
  appendFileSync(file, `${workedMs.toFixed(1)} ${ticks.join(' ')}\n`)
  ticks = []
  workedMs = 0
  lineAtMs = nowMs
}, TICK_MS).unref()
