import type { Removal } from './removals.ts'

/** Methods whose names are not cut out of the head each time. */
const COMMON_METHODS = ['GET', 'PUT', 'HEAD', 'POST', 'PATCH', 'TRACE', 'DELETE', 'OPTIONS']

const BUFFERS = 'says how large the buffer of the next read is; what is in it is the same'

/** By file and label: why no test can notice that this is gone. Only what is no rule: a fast path, a hint, memory given back early. */
export const EQUIVALENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'src/proxy/forward.ts': {
    'send: held.length === 0 → false': 'fast path: a payload of no bytes is written as none',
  },
  'src/proxy/request-reader.ts': {
    'streaming: this.#reading === Reading.tunnel → false': BUFFERS,
    'streaming: (this.#reading === Reading.request && !this.body.ended) → false': BUFFERS,
    'streaming: this.#reading === Reading.request → true': BUFFERS,
    'end: this.#ahead.clear() → ;': 'gives back its memory before the connection would',
    'read: this.#reading === Reading.tunnel → false': 'fast path of the loop behind it',
  },
  'src/wire/chunked-decoder.ts': {
    '#finish: this.#trailerSection = null → ;': 'gives back its memory before the next body would',
  },
  'src/wire/connection-options.ts': {
    'reset: this.#namesHeaders = false → ;': 'fast path: headers that nobody named are looked for in vain',
    'dropNamed: !this.#namesHeaders → false': 'fast path: headers that nobody named are looked for in vain',
    "read: isWord(bytes, start, end, 'keep-alive') → false": 'fast path of the loop behind it',
    'dropLines: i < length → true': 'behind the name of a line stands a colon, and behind an option never',
  },
  'src/wire/head-lines.ts': {
    'next: at++ → ;':
      'fast path: the byte that was looked at is one of the name, or of the value, that is scanned next',
    'value: (this.repeated & (1 << id)) === 0 → false': 'fast path: a second line is looked for in vain',
    '#add: valueStart < valueEnd → true': 'the CR there is no white space',
    '#add: id !== OTHER → true': 'fast path: nobody asks whether a header without a meaning came',
  },
  'src/wire/head-writer.ts': {
    "writeResponseHead: f.framing === 'none' → true":
      'what has a length and is framed otherwise was decided before; that it is not written twice is for the reader',
    "writeRequestHead: f.connection === 'keep-alive' → false": 'fast path: the same text in fewer pieces',
    'lengthLine: lastLength = length → ;': 'fast path: the same text again',
    'dateLine: lastDate = date → ;': 'fast path: the same text again',
    'beforeHost: last.forwardedFor = forwardedFor → ;': 'fast path: the same text again',
    'beforeHost: last.proto = proto → ;': 'fast path: the same text again',
    'beforeHost: last.port = port → ;': 'fast path: the same text again',
    'beforeId: lastStartMs = startMs → ;': 'fast path: the same text again',
    'viaLine: lastPseudonym = pseudonym → ;': 'fast path: the same text again',
  },
  'src/wire/host.ts': {
    'parseHost: after < 0 → false': 'before the first byte stands no colon',
  },
  'src/wire/request-head.ts': {
    "#complete: line.method !== '' → false": 'fast path: the same text, cut out',
    '#takeHost: withoutRest → true': 'fast path: the same text, cut out',
    '#takeHost: this.#host.upper → true': 'fast path: what is in lower case stays so',
  },
  'src/wire/status-line.ts': {
    'scan: this.#scanned = at - start → ;': 'fast path: the reason is scanned from its first byte again',
  },
  'src/wire/tables.ts': {
    ': digit === -1 → false': 'as a byte, -1 is 255',
  },
  'src/wire/request-line.ts': Object.fromEntries(
    COMMON_METHODS.map((method) => [`: '${method}' → ...[]`, 'fast path: cut out like any other method']),
  ),
}

/** '' when nothing says why. */
export function whyUnnoticed({ file, label }: Removal): string {
  return EQUIVALENTS[file]?.[label] ?? ''
}
