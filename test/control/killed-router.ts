/** A program that runs dynos and is killed by the test: process-runtime.test.ts. */
import { pino } from 'pino'
import { ProcessRuntime } from '../../src/control/runtimes/process.ts'
import { address } from './loopback.ts'

const runtime = new ProcessRuntime({ graceMs: 1000, log: pino({ level: 'silent' }) })

const report = 'console.log("pid " + process.pid); setInterval(() => {}, 1e6)'
const stubborn = `process.on("SIGTERM", () => {}); ${report}`
const parent = `console.log("pid " + require("child_process").spawn("sleep", ["1000"]).pid); setInterval(() => {}, 1e6)`

for (const [at, program] of [report, stubborn, parent].entries()) {
  const dyno = { app: 'shop', processType: 'web', number: at + 1, release: 'v1', az: 'a', address: address(1, 1) }
  const command = `${process.execPath} -e '${program}'`
  await runtime.launch({ ...dyno, port: 5000 + at, command, cwd: import.meta.dirname, exec: null, env: {} }, (line) =>
    console.log(line),
  )
}
