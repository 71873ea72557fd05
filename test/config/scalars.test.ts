import t from 'tap'
import type * as z from 'zod'
import {
  choice,
  count,
  duration,
  flag,
  longText,
  percent,
  quote,
  size,
  sizeOrOff,
  text,
} from '../../src/config/scalars.ts'

/** The value, or the sentence. */
function read(type: z.ZodType, input: unknown): unknown {
  const result = type.safeParse(input)
  return result.success ? result.data : result.error.issues.map(({ message }) => message).join(' | ')
}

t.test('durations are a whole number and a unit', async (t) => {
  const type = duration('1ms', '24h')
  for (const [written, ms] of Object.entries({
    '250ms': 250,
    '5s': 5000,
    '2m': 120_000,
    '1h': 3_600_000,
    '24h': 86_400_000,
  })) {
    t.equal(read(type, written), ms, written)
  }
  for (const written of [
    '',
    '5',
    's',
    '5 s',
    ' 5s',
    '5s ',
    '-5s',
    '+5s',
    '1.5s',
    '05s',
    '5S',
    '5sec',
    '1h30m',
    '1d',
    '1e3ms',
    '٥s',
    '99999999999s',
  ]) {
    t.equal(read(type, written), `${JSON.stringify(written)} is not a duration; write one such as 250ms, 5s, 2m or 1h`)
  }
})

t.test('durations keep to their bounds and steps', async (t) => {
  t.equal(read(duration('1ms', '1h'), '0s'), '0s is out of bounds; give from 1ms to 1h')
  t.equal(read(duration('1ms', '1h'), '61m'), '61m is out of bounds; give from 1ms to 1h')
  t.equal(read(duration('1s', '1h', '1s'), '1500ms'), '1500ms is not a multiple of 1s; give one')
  t.equal(read(duration('1s', '1h', '1s'), '2000ms'), 2000)
})

t.test('sizes are a whole number and a binary unit', async (t) => {
  const type = size('1B', '1GiB')
  for (const [written, bytes] of Object.entries({ '512B': 512, '8KiB': 8192, '1MiB': 2 ** 20, '1GiB': 2 ** 30 })) {
    t.equal(read(type, written), bytes, written)
  }
  for (const written of ['8', '8K', '8KB', '8kib', '8 KiB', '0x8B', '1.5MiB', '-1B', '08KiB']) {
    t.equal(read(type, written), `${JSON.stringify(written)} is not a size; write one such as 512B, 8KiB or 1MiB`)
  }
  t.equal(read(type, '0B'), '0B is out of bounds; give from 1B to 1GiB')
  t.equal(read(type, '2GiB'), '2GiB is out of bounds; give from 1B to 1GiB')
  t.equal(read(sizeOrOff('1B', '1GiB'), 'off'), 0)
  t.equal(read(sizeOrOff('1B', '1GiB'), '1KiB'), 1024)
})

t.test('percentages have their sign', async (t) => {
  for (const [written, value] of Object.entries({ '0%': 0, '20%': 20, '100%': 100 }))
    t.equal(read(percent(), written), value)
  for (const written of ['20', '101%', '-1%', '1.5%', '20 %', '020%']) {
    t.match(read(percent(), written), /is not a percentage; write a whole one from 0% to 100%/)
  }
})

t.test('counts are whole numbers within their bounds', async (t) => {
  t.equal(read(count(0, 10), 0), 0)
  t.equal(read(count(0, 10), 10), 10)
  for (const input of [-1, 11, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.equal(read(count(0, 10), input), `found the number ${input}; give a whole number from 0 to 10`)
  }
  t.equal(read(count(0, 10), '5'), 'found "5"; give a whole number from 0 to 10')
})

t.test('what is missing, empty or of another type is told what to be', async (t) => {
  const type = duration('1ms', '1h')
  const wanted = 'give a duration such as 250ms, 5s, 2m or 1h'
  t.equal(read(type, undefined), `missing; ${wanted}`)
  t.equal(read(type, null), `empty; ${wanted}`)
  t.equal(read(type, 5), `found the number 5; ${wanted}`)
  t.equal(read(type, true), `found true; ${wanted}`)
  t.equal(read(type, ['5s']), `found a list; ${wanted}`)
  t.equal(read(type, { s: 5 }), `found a map; ${wanted}`)
  t.equal(read(flag(), 'yes'), 'found "yes"; give true or false')
  t.equal(read(flag(), false), false)
})

t.test('a choice names its words and the one that was meant', async (t) => {
  const type = choice('round-robin', 'random', 'hash')
  t.equal(read(type, 'random'), 'random')
  t.equal(
    read(type, 'rondrobin'),
    '"rondrobin" is not known here; write round-robin, random or hash (did you mean round-robin?)',
  )
  t.equal(read(type, 'best'), '"best" is not known here; write round-robin, random or hash')
  t.equal(read(type, 'constructor'), '"constructor" is not known here; write round-robin, random or hash')
})

t.test('text has its bounds', async (t) => {
  t.equal(read(text('a label', 5), 'ab cd'), 'ab cd')
  t.equal(read(text('a label', 5), ''), 'empty text; give a label')
  t.equal(read(text('a label', 5), 'abcdef'), '6 characters; give at most 5')
  t.equal(read(text('a label', 5), 'a\nb'), '"a\\nb" has a control character; write one line')
  t.equal(read(longText('a script', 1, 5), 'a\nb'), 'a\nb')
  t.equal(read(longText('a script', 1, 5), ' \n'), 'empty text; give a script')
  t.equal(read(longText('a value', 0, 5), ''), '')
  t.equal(read(longText('a value', 0, 5), 'a\0b'), '"a\\u0000b" has a NUL; write it without')
})

t.test('what is quoted stays on its line and is cut when it is long', async (t) => {
  t.equal(quote('a"\n\u001b[31m\u009b\u2028\u202e'), '"a\\"\\n\\u001b[31m\\u009b\\u2028\\u202e"')
  t.equal(quote('x'.repeat(100)), `"${'x'.repeat(79)}…"`)
})
