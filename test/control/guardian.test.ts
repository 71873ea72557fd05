import { execFileSync, spawn } from 'node:child_process'
import t from 'tap'
import { Guardian } from '../../src/control/runtimes/guardian.ts'
import { gone, isAlive } from './processes.ts'

/** A process in a group of its own, as every dyno is. */
function sleeper(): number {
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  return child.pid!
}

/** Our own guardians. */
function guardians(): number[] {
  const list = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' })
  const lines = list.split('\n').filter((line) => line.includes('postern-guardian'))
  return lines.map((line) => Number.parseInt(line, 10)).filter(isAlive)
}

t.test('what is still guarded when the pipe ends is ended; what was taken out is not', async (t) => {
  const guardian = new Guardian(5000, (error) => t.fail(error.message))
  const [dyno, released] = [sleeper(), sleeper()]
  guardian.add(dyno)
  guardian.add(released)
  guardian.remove(released)
  guardian.close()
  await gone(dyno)
  t.ok(isAlive(released))
})

t.test('a guardian that is killed is reported, and another one takes over what it guarded', async (t) => {
  // That of the test before looks once a second whether it is done.
  while (guardians().length > 0) await new Promise((resolve) => setTimeout(resolve, 50))
  const failed = Promise.withResolvers<Error>()
  const guardian = new Guardian(5000, failed.resolve)
  const dyno = sleeper()
  guardian.add(dyno)
  const before = guardians()
  t.equal(before.length, 1)
  process.kill(before[0]!, 'SIGKILL')
  t.match(await failed.promise, { message: 'it ended with SIGKILL' })
  t.ok(isAlive(dyno))
  while (guardians().length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
  guardian.close()
  await gone(dyno)
})
