import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { closeSync, constants, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createLogSink } from '../../src/telemetry/log-sink.ts'

const MODULE = new URL('../../src/telemetry/log-sink.ts', import.meta.url).href
const CHUNK_BYTES = 64 * 1024

/** A process whose script may use `createLogSink`, `dropped` (how many lines) and `say` (to standard error). */
function program(script: string, stdio: ('pipe' | number)[] = ['pipe', 'pipe']): ChildProcess {
  const source = `
    import { writeSync } from 'node:fs'
    import { createLogSink } from '${MODULE}'
    let dropped = 0
    const say = (text) => writeSync(2, text + '\\n')
    const options = { onDrop: (lines) => { dropped += lines }, onTrouble: (error) => say('trouble: ' + error.code) }
    ${script}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', ...stdio] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

function numberedLines(count: number): string {
  return Array.from({ length: count }, (_, number) => `line ${number}\n`).join('')
}

t.test('lines reach the file in order, appended to what is there', async (t) => {
  const file = join(t.testdir({ 'access.log': 'before\n' }), 'access.log')
  const sink = createLogSink(file, { onDrop: () => t.fail('dropped') })
  for (let number = 0; number < 10_000; number++) sink.write(`line ${number}\n`)
  await sink.close()
  t.equal(readFileSync(file, 'utf8'), `before\n${numberedLines(10_000)}`)
})

t.test('a line is written soon without anyone asking for it', async (t) => {
  const child = program(`createLogSink('stdout').write('alone\\n'); setTimeout(() => {}, 60_000)`)
  const [chunk] = (await once(child.stdout!, 'data')) as [Buffer]
  t.equal(chunk.toString(), 'alone\n')
})

t.test('lines are gathered: a burst is few writes', async (t) => {
  const file = join(t.testdir({}), 'access.log')
  const sink = createLogSink(file)
  for (let number = 0; number < 100; number++) sink.write(`line ${number}\n`)
  t.equal(statSync(file).size, 0, 'nothing is written while lines come in')
  await sink.flush()
  t.equal(readFileSync(file, 'utf8'), numberedLines(100))
  sink.write('later\n')
  await sink.flush()
  t.equal(readFileSync(file, 'utf8'), `${numberedLines(100)}later\n`)
  await sink.flush()
  await sink.close()
})

t.test('only the owner and its group may read the file', async (t) => {
  const file = join(t.testdir({}), 'access.log')
  await createLogSink(file).close()
  t.equal(statSync(file).mode & 0o007, 0)
})

t.test('a file that cannot be opened is an error at once', async (t) => {
  t.throws(() => createLogSink(join(t.testdir({}), 'missing', 'access.log')), { code: 'ENOENT' })
})

t.test(
  'after the file was moved away, reopening continues in a new one, and no line is lost between them',
  async (t) => {
    const file = join(t.testdir({}), 'access.log')
    const sink = createLogSink(file, { onDrop: () => t.fail('dropped'), onTrouble: (error) => t.fail(error.message) })
    for (let number = 0; number < 20_000; number++) {
      sink.write(`line ${number}\n`)
      if (number % 5000 === 2500) {
        // A write is under way most of these times, and the descriptor must not be closed under it.
        const flushed = sink.flush()
        renameSync(file, `${file}.${number}`)
        sink.reopen()
        await flushed
      }
    }
    await sink.close()
    const parts = [2500, 7500, 12_500, 17_500].map((number) => readFileSync(`${file}.${number}`, 'utf8'))
    t.equal(parts.join('') + readFileSync(file, 'utf8'), numberedLines(20_000))
    t.ok(readFileSync(file, 'utf8').endsWith('line 19999\n'))
  },
)

t.test('when reopening fails, the old file stays in use and somebody is told', async (t) => {
  const dir = t.testdir({ logs: {} })
  const file = join(dir, 'logs', 'access.log')
  const troubles: string[] = []
  const sink = createLogSink(file, { onTrouble: (error) => troubles.push((error as NodeJS.ErrnoException).code!) })
  renameSync(join(dir, 'logs'), join(dir, 'old'))
  sink.reopen()
  sink.write('still here\n')
  await sink.close()
  t.strictSame(troubles, ['ENOENT'])
  t.equal(readFileSync(join(dir, 'old', 'access.log'), 'utf8'), 'still here\n')
})

t.test('a line of any length arrives whole', async (t) => {
  const file = join(t.testdir({}), 'app.log')
  const sink = createLogSink(file, { onDrop: () => t.fail('dropped') })
  const lines = ['\n', '\x20~\n']
  for (const length of [
    CHUNK_BYTES / 2,
    CHUNK_BYTES - 2,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    5 * CHUNK_BYTES,
  ]) {
    lines.push(`${'x'.repeat(length)}\n`, 'between\n')
  }
  for (const line of lines) sink.write(line)
  await sink.close()
  t.equal(readFileSync(file, 'utf8'), lines.join(''))
})

t.test(
  'what the destination is too slow for is dropped and counted; the rest arrives whole and in order',
  async (t) => {
    const file = join(t.testdir({}), 'access.log')
    let dropped = 0
    const sink = createLogSink(file, { maxBufferBytes: 4 * CHUNK_BYTES, onDrop: (lines) => (dropped += lines) })
    const line = (number: number) => `${String(number).padStart(999, '.')}\n`
    // In one go: nothing can be written in between.
    for (let number = 0; number < 2000; number++) sink.write(line(number))
    await sink.close()
    const kept = readFileSync(file, 'utf8')
    t.equal(kept.length / 1000 + dropped, 2000, 'each line is either there or counted')
    t.ok(dropped > 1000, `${dropped} lines dropped`)
    t.ok(kept.length <= 4 * CHUNK_BYTES)
    t.equal(kept, Array.from({ length: kept.length / 1000 }, (_, number) => line(number)).join(''))
  },
)

t.test('room that was written out is room again', async (t) => {
  const file = join(t.testdir({}), 'access.log')
  const sink = createLogSink(file, { maxBufferBytes: 2 * CHUNK_BYTES, onDrop: () => t.fail('dropped') })
  const line = `${'x'.repeat(CHUNK_BYTES / 4)}\n`
  for (let round = 0; round < 20; round++) {
    sink.write(line)
    await sink.flush()
  }
  await sink.close()
  t.equal(readFileSync(file, 'utf8'), line.repeat(20))
})

t.test('after close lines are counted as dropped, and closing again does nothing', async (t) => {
  const file = join(t.testdir({}), 'access.log')
  let dropped = 0
  const sink = createLogSink(file, { onDrop: (lines) => (dropped += lines) })
  await Promise.all([sink.close(), sink.close()])
  sink.write('too late\n')
  await sink.flush()
  await sink.close()
  t.equal(dropped, 1)
  t.equal(readFileSync(file, 'utf8'), '')
})

t.test('a full disk is reported once, and what waited is written when there is room again', async (t) => {
  const file = join(t.testdir({}), 'access.log')
  const { write } = fs
  t.teardown(() => Object.assign(fs, { write }))
  const { promise: trouble, resolve } = Promise.withResolvers<Error>()
  let writes = 0
  let reports = 0
  const sink = createLogSink(file, {
    onTrouble: (error) => {
      reports++
      resolve(error)
    },
    onDrop: () => t.fail('dropped'),
  })
  Object.assign(fs, {
    write: (...args: unknown[]) => {
      if (writes++ < 2) (args.at(-1) as (error: Error) => void)(Object.assign(new Error(), { code: 'ENOSPC' }))
      else Reflect.apply(write, fs, args)
    },
  })
  sink.write('written late\n')
  t.match(await trouble, { code: 'ENOSPC' })
  sink.write('in order\n')
  while (statSync(file).size < 22) await sink.flush()
  t.equal(readFileSync(file, 'utf8'), 'written late\nin order\n')
  t.equal(reports, 1)
  await sink.close()
})

const needsFullDevice = { skip: process.platform !== 'linux' && 'needs /dev/full' }

t.test(
  'a log that is moved to another disk because the first is full takes what waited',
  needsFullDevice,
  async (t) => {
    const dir = t.testdir({ 'access.log': t.fixture('symlink', '/dev/full') })
    const file = join(dir, 'access.log')
    const troubles: unknown[] = []
    const { promise: trouble, resolve } = Promise.withResolvers<void>()
    const sink = createLogSink(file, {
      onTrouble: (error) => {
        troubles.push((error as NodeJS.ErrnoException).code)
        resolve()
      },
    })
    sink.write('written elsewhere\n')
    await trouble
    rmSync(file)
    sink.reopen()
    sink.write('and on\n')
    await sink.close()
    t.equal(readFileSync(file, 'utf8'), 'written elsewhere\nand on\n')
    t.strictSame(troubles, ['ENOSPC'])
  },
)

t.test('a reader that does not read costs lines, never time, and does not keep the process from ending', async (t) => {
  const child = program(
    `
    const sink = createLogSink('stdout', { ...options, maxBufferBytes: 1024 * 1024 })
    let ticks = 0
    for (let burst = 0; burst < 20; burst++) {
      for (let number = 0; number < 1000; number++) sink.write('x'.repeat(299) + '\\n')
      await new Promise((resolve) => setImmediate(resolve))
      ticks++
    }
    say('served ' + ticks)
    await sink.close()
    say('dropped ' + dropped)
    process.exit(0)`,
    ['pipe', 'pipe'],
  )
  // Its standard output is a pipe from which nobody reads.
  const [said, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')])
  t.equal(code, 0)
  t.match(said, /served 20/)
  const dropped = Number(/dropped (\d+)/.exec(said)![1])
  t.ok(dropped > 10_000 && dropped <= 20_000, `${dropped} of 20,000 lines dropped`)
})

t.test('a reader that goes away is reported; the process lives on', async (t) => {
  const child = program(`
    const sink = createLogSink('stdout', { onDrop: options.onDrop, onTrouble: (error) => { options.onTrouble(error); gone() } })
    let gone
    const goneAway = new Promise((resolve) => { gone = resolve })
    const timer = setInterval(() => sink.write('still there?\\n'), 5)
    await goneAway
    clearInterval(timer)
    sink.write('a')
    sink.write('b')
    const counted = dropped
    await sink.flush()
    await sink.close()
    console.log('and this does not end the process either')
    await new Promise((resolve) => setTimeout(resolve, 50))
    say('lives, and dropped ' + (counted > 2))`)
  await once(child.stdout!, 'data')
  child.stdout!.destroy()
  const [said, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')])
  t.equal(code, 0)
  t.match(said, /^trouble: (EPIPE|ECONNRESET)\nlives, and dropped true/)
})

t.test('a process that just ends still says what it had to say', async (t) => {
  for (const end of ['process.exit(3)', 'throw new Error("bug")', 'process.exitCode = 3']) {
    const child = program(`createLogSink('stdout').write('last words\\n'); ${end}`)
    const [said, [code]] = await Promise.all([text(child.stdout!), once(child, 'exit'), text(child.stderr!)])
    t.equal(said, 'last words\n', end)
    t.not(code, 0)
  }
})

t.test('standard output that is a file is written like one', async (t) => {
  const file = join(t.testdir({}), 'out.log')
  const fd = openSync(file, constants.O_CREAT | constants.O_WRONLY | constants.O_APPEND)
  const child = program(
    `
    const sink = createLogSink('stdout', options)
    for (let number = 0; number < 1000; number++) sink.write('line ' + number + '\\n')
    sink.reopen()
    await sink.close()
    process.exit(dropped)`,
    [fd, 'pipe'],
  )
  closeSync(fd)
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
  t.equal(readFileSync(file, 'utf8'), numberedLines(1000))
})

t.test('sinks that were closed leave nothing behind in the process', async (t) => {
  const dir = t.testdir({})
  const listeners = process.listenerCount('exit')
  for (let number = 0; number < 20; number++) await createLogSink(join(dir, `${number}.log`)).close()
  t.equal(process.listenerCount('exit'), listeners)
})
