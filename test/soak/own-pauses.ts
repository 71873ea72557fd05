import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

// `node --import` this into a process: it appends to PAUSES_FOLDER/PID, about every quarter of a second, the time, how much the process itself worked at most in one
// pause of its event loop since the last line, and every such pause, all in ms. What is longer than the work is what other processes took of the core.

const TICK_MS = 5
const LINE_MS = 250

const file = join(process.env.PAUSES_FOLDER!, String(process.pid))
let seenAtMs = performance.now()
let cpu = process.threadCpuUsage()
let pausesMs: number[] = []
let workedMs = 0
let lineAtMs = seenAtMs

setInterval(() => {
  const nowMs = performance.now()
  const usage = process.threadCpuUsage()
  const gapMs = Math.max(0, nowMs - seenAtMs - TICK_MS)
  pausesMs.push(gapMs)
  // Of the work in this stretch nobody knows how much was done in one go: all of it, at worst.
  workedMs = Math.max(workedMs, Math.min(gapMs, (usage.user + usage.system - cpu.user - cpu.system) / 1000))
  seenAtMs = nowMs
  cpu = usage
  if (nowMs < lineAtMs + LINE_MS) return
  appendFileSync(file, `${[Date.now(), ...[workedMs, ...pausesMs].map((ms) => ms.toFixed(1))].join(' ')}\n`)
  pausesMs = []
  workedMs = 0
  lineAtMs = nowMs
}, TICK_MS).unref()
