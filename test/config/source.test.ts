import t from 'tap'
import { parseConfig } from '../../src/config/load.ts'
import { yamlSource } from '../../src/config/source.ts'
import { LEAST, problemsOf } from './checked.ts'

const LEAST_TEXT = `space: { name: acme }
listeners: [{ name: public, address: 127.0.0.1:0, exposure: public }]
`

t.test('YAML and JSON give the same', async (t) => {
  const yaml = parseConfig(LEAST_TEXT, '/srv/space')
  t.ok(yaml.ok)
  t.strictSame(parseConfig(JSON.stringify(LEAST), '/srv/space'), yaml)
  t.strictSame(parseConfig(JSON.stringify(LEAST, null, '\t'), '/srv/space'), yaml)
})

t.test('what is no configuration at all says so', async (t) => {
  const empty = 'the file is empty; give at least space and listeners'
  t.strictSame(problemsOf(''), [`t.yml:1:1: ${empty}`])
  t.strictSame(problemsOf('\n# nothing yet\n'), [`t.yml:1:1: ${empty}`])
  const map = 'give a map with the keys space, listeners, trustedIpRanges, onUntrusted …'
  t.strictSame(problemsOf('hello'), [`t.yml:1:1: found "hello"; ${map}`])
  t.strictSame(problemsOf('# a list\n- a\n'), [`t.yml:2:1: found a list; ${map}`])
})

t.test('errors of YAML have their place', async (t) => {
  t.strictSame(problemsOf('space:\n\tname: acme\n'), ['t.yml:2:1: YAML: a tab in the indentation; indent with spaces'])
  t.strictSame(problemsOf('space: { name: acme }\n---\nspace: {}\n'), [
    't.yml:2:1: YAML: a second document; a file holds one, so take out the second ---',
  ])
  t.strictSame(problemsOf('? [a]\n: 1\n'), ['t.yml:1:3: YAML: a list or a map as a key; keys are words'])
  t.strictSame(problemsOf('space: !secret x\n'), ['t.yml:1:8: YAML: a tag that is not known; take it out'])
  t.match(problemsOf('space: { name: acme\nlisteners: []\n'), [/^t\.yml:\d+:\d+: YAML: /])
  t.match(problemsOf('a: "b\n'), [/^t\.yml:2:1: YAML: Missing closing "quote/])
  t.match(problemsOf('a: b: c\n'), [/^t\.yml:1:4: YAML: Nested mappings/])
})

t.test('a key that is given twice is found, with both places and the rest checked', async (t) => {
  t.strictSame(problemsOf(`${LEAST_TEXT}log: { level: loud }\nspace: { name: other }\n`), [
    't.yml:3:15: log.level: "loud" is not known here; write debug, info, warn or error',
    't.yml:4:1: space: given twice; keep this one or the one in line 1',
  ])
})

t.test('values keep their place through aliases', async (t) => {
  const text = `${LEAST_TEXT}apps:
  one:
    timeouts: &slow { connect: 5s, firstByte: 30 }
  two:
    timeouts: *slow
`
  const message = 'found the number 30; give a duration such as 250ms, 5s, 2m or 1h'
  t.strictSame(problemsOf(text), [
    `t.yml:5:47: apps.one.timeouts.firstByte: ${message}`,
    `t.yml:5:47: apps.two.timeouts.firstByte: ${message}`,
  ])
  const right = parseConfig(text.replace('30 }', '30s }'), 't.yml')
  t.match(right, { config: { apps: [{ timeouts: { firstByteMs: 30_000 } }, { timeouts: { firstByteMs: 30_000 } }] } })
})

t.test('aliases cannot stand for more than a file could say', async (t) => {
  let bomb = 'a: &a [x, x, x, x, x, x, x, x, x, x]\n'
  for (const [letter, before] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf'].map((pair) => [...pair])) {
    bomb += `${letter}: &${letter} [${Array(10).fill(`*${before}`).join(', ')}]\n`
  }
  const problems = problemsOf(bomb)
  t.ok(
    problems.some((line) =>
      line.includes('aliases make more than 100000 values of this file; write out what is needed'),
    ),
  )
})

t.test('aliases of nothing and of themselves are told so', async (t) => {
  t.match(problemsOf(`${LEAST_TEXT}apps: &apps { shop: *apps }\n`), [
    't.yml:3:21: apps.shop: *apps would contain itself; write it out',
    /^t\.yml:3:21: apps\.shop: empty/,
  ])
  t.match(problemsOf(`${LEAST_TEXT}apps: { shop: *other }\n`), [/\*other/])
})

t.test('merge keys and YAML 1.1 are not taken over by a directive', async (t) => {
  t.match(problemsOf(`%YAML 1.1\n---\n${LEAST_TEXT}headers: { forwarded: yes }\n`), [
    't.yml:5:23: headers.forwarded: found "yes"; give true or false',
  ])
  t.match(problemsOf(`${LEAST_TEXT}apps:\n  a: &a { maintenance: true }\n  b: { <<: *a }\n`), [
    /^t\.yml:5:8: apps\.b\["<<"\]: unknown key/,
  ])
})

t.test('a key that would be a prototype is refused', async (t) => {
  t.match(problemsOf(`${LEAST_TEXT}apps: { shop: { env: { __proto__: x }, formation: { web: { command: x } } } }\n`), [
    't.yml:3:24: apps.shop.env.__proto__: a key cannot have this name; take it out',
  ])
})

t.test('nesting ends', async (t) => {
  const deep = 'nested more than 32 deep; no key needs that'
  t.strictSame(problemsOf(`a: ${'['.repeat(200_000)}`), [`t.yml:1:36: ${deep}`])
  t.strictSame(problemsOf(`a: ${'{'.repeat(200_000)}`), [`t.yml:1:36: ${deep}`])
  t.strictSame(problemsOf(`a:\n${'- '.repeat(200_000)}`), [`t.yml:2:65: ${deep}`])
  const stairs = Array.from({ length: 60 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')
  t.ok(problemsOf(stairs).some((line) => line.startsWith('t.yml:34:') && line.endsWith(deep)))
  t.strictSame(problemsOf(`${LEAST_TEXT}log: { access: "${'['.repeat(100)}" } # ${'['.repeat(100)}\n`), [])
})

t.test('a place is that of the key or of the value, whichever is at fault', async (t) => {
  const { source } = yamlSource('a:\n  b: [1, { c: 2 }]\n  "d e": x\n  f:\n', 't.yml')
  const place = (path: (string | number)[], fault: 'key' | 'value') => {
    const { line, column } = source!.placeOf(path, fault)
    return `${line}:${column}`
  }
  t.equal(place([], 'value'), '1:1')
  t.equal(place(['a'], 'key'), '1:1')
  t.equal(place(['a'], 'value'), '2:3')
  t.equal(place(['a', 'b', 0], 'value'), '2:7')
  t.equal(place(['a', 'b', 1, 'c'], 'key'), '2:12')
  t.equal(place(['a', 'b', 1, 'c'], 'value'), '2:15')
  t.equal(place(['a', 'd e'], 'value'), '3:10')
  t.equal(place(['a', 'f'], 'value'), '4:3', 'nothing is where its key is')
  t.equal(place(['a', 'g'], 'value'), '1:1', 'what is missing is where the map is named')
  t.equal(place(['a', 'b', 1, 'x'], 'value'), '2:10', 'or where it begins when it has no name')
  t.equal(place(['a', 'b', 0, 'x', 'y'], 'key'), '2:7')
})
