import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { main } from '../../src/cli/main.ts'

/** `postern check ARGS` in this process: the exit code and what was printed. */
async function check(t: Test, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const stdout = t.capture(console, 'log')
  const stderr = t.capture(console, 'error')
  const text = (calls: readonly { args: readonly unknown[] }[]) =>
    calls.map((call) => `${call.args.join(' ')}\n`).join('')
  try {
    const code = await main(['check', ...args])
    return { code, stdout: text(stdout()), stderr: text(stderr()) }
  } finally {
    stdout.restore()
    stderr.restore()
  }
}

t.test('a good file is said to be good, with what is in it', async (t) => {
  t.strictSame(await check(t, 'config/space.full.yml'), {
    code: 0,
    stdout: 'config/space.full.yml: ok (space acme, 1 listener, 1 app)\n',
    stderr: '',
  })
  t.strictSame(await check(t, '--config', 'config/space.full.yml', '--json'), {
    code: 0,
    stdout: `${JSON.stringify({ ok: true, file: 'config/space.full.yml', problems: [] }, null, 2)}\n`,
    stderr: '',
  })
})

t.test('without a file, config/space.yml is checked', async (t) => {
  t.match(await check(t), { code: 0, stdout: /^config\/space\.yml: ok / })
})

t.test('a bad file gives a line for each problem, and 1', async (t) => {
  const file = join(t.testdir({ 'bad.yml': 'space: { name: acme, cird: x }\nlisteners: []\n' }), 'bad.yml')
  const lines = [
    `${file}:1:22: space.cird: unknown key; did you mean cidr?`,
    `${file}:2:12: listeners: empty list; give at least one entry`,
  ]
  t.strictSame(await check(t, file), { code: 1, stdout: `${lines.join('\n')}\n`, stderr: '2 problems\n' })
  const { code, stdout } = await check(t, file, '--json')
  t.equal(code, 1)
  t.strictSame(JSON.parse(stdout), {
    ok: false,
    file,
    problems: [
      { file, line: 1, column: 22, path: 'space.cird', message: 'unknown key; did you mean cidr?' },
      { file, line: 2, column: 12, path: 'listeners', message: 'empty list; give at least one entry' },
    ],
  })
})

t.test('the process ends with that code', async (t) => {
  const { status, stdout } = spawnSync(process.execPath, ['src/cli.ts', 'check', 'none.yml'], { encoding: 'utf8' })
  t.equal(status, 1)
  t.equal(stdout, 'none.yml: no such file; give the path of a space file\n')
})

t.test('a call that is wrong is 2', async (t) => {
  for (const args of [['a.yml', 'b.yml'], ['--config'], ['a.yml', '--config', 'b.yml'], ['--colour']]) {
    t.match(await check(t, ...args), { code: 2, stdout: '', stderr: /^postern check: / }, args.join(' '))
  }
})

t.test('help has an example', async (t) => {
  t.match(await check(t, '--help'), { code: 0, stdout: /example: postern check/ })
})
