import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import t from 'tap'
import { parseCommand } from '../../src/control/runtimes/command-line.ts'

t.test('a plain command is split at blanks and needs no shell', async (t) => {
  t.same(parseCommand('  node server.js  --port\t5000 '), { argv: ['node', 'server.js', '--port', '5000'] })
  t.same(parseCommand('./bin/web a=b --json=\'{"a":1}\''), { argv: ['./bin/web', 'a=b', '--json={"a":1}'] })
})

t.test('quotes and backslashes mean what they mean to a shell', async (t) => {
  t.same(parseCommand(`node -e 'console.log("a  b")' ""`), { argv: ['node', '-e', 'console.log("a  b")', ''] })
  t.same(parseCommand('say "a \\"quoted\\" word" it\\ is "back\\\\slash" "\\n"'), {
    argv: ['say', 'a "quoted" word', 'it is', 'back\\slash', '\\n'],
  })
  t.same(parseCommand('say pre"mid"\'post\''), { argv: ['say', 'premidpost'] })
})

t.test('what only a shell can do is left to one, and one simple command takes the place of the shell', async (t) => {
  t.same(parseCommand('node server.js --port $PORT'), { script: 'exec node server.js --port $PORT' })
  t.same(parseCommand('node "$HOME/server.js"'), { script: 'exec node "$HOME/server.js"' })
  t.same(parseCommand('NODE_ENV=production TZ=UTC node a.js'), { script: 'NODE_ENV=production TZ=UTC exec node a.js' })
  t.same(parseCommand('node a.js > out.log'), { script: 'exec node a.js > out.log' })
  t.same(parseCommand('ls *.js'), { script: 'exec ls *.js' })
  t.same(parseCommand('~/bin/web'), { script: 'exec ~/bin/web' })
})

t.test('a command may go on in the next line', async (t) => {
  t.same(parseCommand('node a.js \\\n  --verbose\n'), { script: 'exec node a.js \\\n  --verbose' })
})

t.test('more than one command stays as it is written', async (t) => {
  for (const command of ['cd app && node a.js', 'a | b', 'a; b', 'a & b', '(a)', 'echo `date`', 'a\nb']) {
    t.same(parseCommand(command), { script: command })
  }
})

t.test('words that belong to the shell are not taken for programs', async (t) => {
  for (const command of ['exec node a.js', 'cd /tmp', '. ./profile', 'export A=1', 'A=1 exec node a.js', 'A=1']) {
    t.same(parseCommand(command), { script: command })
  }
})

t.test('what is quoted needs no shell', async (t) => {
  t.same(parseCommand("node -e 'a && b | c $D'"), { argv: ['node', '-e', 'a && b | c $D'] })
  t.same(parseCommand('say "a|b" \\$HOME a#b'), { argv: ['say', 'a|b', '$HOME', 'a#b'] })
})

t.test('a quote without end and an empty command are refused', async (t) => {
  t.throws(() => parseCommand('say "hello'), /double quote/)
  t.throws(() => parseCommand("say 'hello"), /single quote/)
  t.throws(() => parseCommand('say hello\\'), /backslash/)
  t.throws(() => parseCommand('   '), /empty/)
})

t.test('words are split as /bin/sh splits them', async () => {
  const characters = fc.constantFrom('a', 'b', ' ', '\t', '"', "'", '\\', '$', '=', '~', '#', '-', '{', '!', '%')
  fc.assert(
    fc.property(fc.array(characters, { minLength: 1, maxLength: 14 }), (text) => {
      const words = text.join('')
      let parsed: ReturnType<typeof parseCommand>
      try {
        parsed = parseCommand(`printf ${words}`)
      } catch {
        return true
      }
      if (!('argv' in parsed)) return true
      const [, ...args] = parsed.argv
      const script = `show() { for word in "$@"; do printf '<%s>' "$word"; done; }; show ${words}`
      return execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }) === args.map((word) => `<${word}>`).join('')
    }),
    { numRuns: 100 },
  )
})
