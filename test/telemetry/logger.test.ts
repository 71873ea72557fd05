import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { createLogger } from '../../src/telemetry/logger.ts'

const run = promisify(execFile)

function gather() {
  const lines: string[] = []
  return { lines, destination: { write: (line: string) => void lines.push(line) } }
}

t.test('each line is a JSON object with level, time and message', async (t) => {
  const { lines, destination } = gather()
  const log = createLogger({ level: 'info', pretty: false, destination })
  log.info({ app: 'shop' }, 'started')
  log.child({ dyno: 'web.1' }).error(new Error('no luck'))
  t.equal(lines.length, 2)
  t.match(JSON.parse(lines[0]!), { level: 30, time: /^\d{4}-\d\d-\d\dT.*Z$/, app: 'shop', msg: 'started' })
  t.match(JSON.parse(lines[1]!), { level: 50, dyno: 'web.1', msg: 'no luck', err: { message: 'no luck' } })
  t.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1))
})

t.test('what is below the level is not written', async (t) => {
  const { lines, destination } = gather()
  const log = createLogger({ level: 'warn', pretty: false, destination })
  log.debug('no')
  log.info('no')
  log.warn('yes')
  t.equal(lines.length, 1)
  createLogger({ level: 'silent', pretty: false, destination }).error('no')
  t.equal(lines.length, 1)
})

t.test('a person reads lines rather than JSON', async (t) => {
  const { lines, destination } = gather()
  createLogger({ level: 'info', pretty: true, destination }).info({ app: 'shop' }, 'started')
  t.match(lines.join(''), /\d\d:\d\d:\d\d\.\d{3}.*INFO.*started/)
  t.match(lines.join(''), /app.*shop/)
})

t.test('it goes to standard error, as JSON when that is no terminal, also when the process ends at once', async (t) => {
  const module = new URL('../../src/telemetry/logger.ts', import.meta.url).href
  const script = `
    import { createLogger } from '${module}'
    createLogger({ level: 'info' }).info('one')
    createLogger({ level: 'info' }).info('two')
    process.exit(0)`
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 })
  t.equal(stdout, '')
  const messages = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).msg)
  t.strictSame(messages, ['one', 'two'])
})
