import { takeCoverage } from 'node:v8'
import t from 'tap'

// Runs test files one after the other in one process, which costs a tenth of a process for each. Under NODE_V8_COVERAGE there is a report of what ran
// before the first test at the top of a file, and one for each of them, with what it left to be done.

t.beforeEach((test) => {
  if (test.parent === t) takeCoverage()
})

/** A test that has nothing to do for so long waits for what never comes. Time in which the machine does something else does not count. */
const mostIdleMs = Number(process.env.MOST_IDLE_MS ?? Infinity)
setInterval(() => {
  if (performance.eventLoopUtilization().idle > mostIdleMs) process.exit(1)
}, 100).unref()

for (const file of process.argv.slice(2)) await import(file)
