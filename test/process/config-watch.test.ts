import { appendFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ConfigWatch } from '../../src/process/config-watch.ts'

/** A watched file, and its sizes when it was said to have changed; -1: there was nothing to read. */
function watched(t: Test) {
  const file = join(t.testdir({ 'space.yml': 'first' }), 'space.yml')
  const sizes: number[] = []
  let wake = () => {}
  const watch = new ConfigWatch(file, () => {
    sizes.push(sizeOf(file))
    wake()
  })
  t.teardown(() => watch.close())
  // It keeps no process alive by itself.
  const turning = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(turning))
  const told = async (times: number) => {
    while (sizes.length < times) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { file, sizes, told }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch {
    return -1
  }
}

t.test('a file that is being written is told of when nothing is added any more', async (t) => {
  const { file, sizes, told } = watched(t)
  writeFileSync(file, '')
  // Longer than three looks; each gap is shorter than what counts as quiet.
  for (let i = 0; i < 40; i++) {
    appendFileSync(file, '0123456789')
    await setTimeout(50)
  }
  await told(1)
  t.strictSame(new Set(sizes), new Set([400]))
})

t.test('a file that goes, comes back, or cannot be looked at is told of', async (t) => {
  const { file, sizes, told } = watched(t)
  rmSync(file)
  await told(1)
  writeFileSync(file, 'again')
  await told(2)
  rmSync(file)
  symlinkSync('space.yml', file)
  await told(3)
  t.strictSame(sizes, [-1, 5, -1])
})
