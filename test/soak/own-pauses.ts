import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

// `node --import` this into a process: it appends to PAUSES_FOLDER/PID, about every quarter of a second, the time and for how long the event loop stood still at most
// since the last line, and how much of that the process itself worked, both in ms. The rest is what other processes took of the core.

const TICK_MS = 5
const LINE_MS = 250

const file = join(process.env.PAUSES_FOLDER!, String(process.pid))
let seenAtMs = performance.now()
let cpu = process.threadCpuUsage()
let longestMs = 0
let workedMs = 0
let lineAtMs = seenAtMs

setInterval(() => {
  const nowMs = performance.now()
  const usage = process.threadCpuUsage()
  const gapMs = Math.max(0, nowMs - seenAtMs - TICK_MS)
  longestMs = Math.max(longestMs, gapMs)
  // Of the work in this stretch nobody knows how much was done in one go: all of it, at worst.
  workedMs = Math.max(workedMs, Math.min(gapMs, (usage.user + usage.system - cpu.user - cpu.system) / 1000))
  seenAtMs = nowMs
  cpu = usage
  if (nowMs < lineAtMs + LINE_MS) return
  appendFileSync(file, `${Date.now()} ${longestMs.toFixed(1)} ${workedMs.toFixed(1)}\n`)
  longestMs = workedMs = 0
  lineAtMs = nowMs
}, TICK_MS).unref()
