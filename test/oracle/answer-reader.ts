/** An answer as a client understands it who believes nothing: RFC 9112, and only what Postern may write. */
export interface HeardAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** All of it came, as its framing says. Until-close: the connection ended in order. */
  readonly whole: boolean
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** Says that no other will follow. */
  readonly close: boolean
}

export interface Heard {
  readonly answers: HeardAnswer[]
  /** What Postern sent that no client should have to read; '' for none. */
  readonly fault: string
}

const STATUS_LINE = /^HTTP\/1\.1 ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)[ \t]*$/

export function headerOf(answer: { headers: HeardAnswer['headers'] }, name: string): string {
  return answer.headers.find(([spelled]) => spelled.toLowerCase() === name)?.[1] ?? ''
}

/**
 * All answers in what a client got. `methodOf` gives the method of the request that an answer is for, '' when nobody knows: then a body that
 * was not sent is none.
 */
export function readAnswers(
  text: string,
  ending: 'end' | 'reset' | 'open',
  methodOf: (index: number, headers: HeardAnswer['headers']) => string,
): Heard {
  const answers: HeardAnswer[] = []
  let at = 0
  try {
    while (at < text.length) {
      const headEnd = text.indexOf('\r\n\r\n', at)
      if (headEnd === -1) {
        if (ending === 'end' && !text.startsWith('HTTP/1.1 ', at)) throw new Error('bytes that are no answer')
        break
      }
      const lines = text.slice(at, headEnd).split('\r\n')
      const line = STATUS_LINE.exec(lines[0]!)
      if (line === null) throw new Error(`bad status line ${JSON.stringify(lines[0])}`)
      const status = Number(line[1])
      const headers = lines.slice(1).map(readField)
      const start = headEnd + 4
      if (status < 200 && status !== 101) {
        at = start
        continue
      }
      const method = methodOf(answers.length, headers)
      const read = readBody(text, start, status, headers, method, ending)
      const close = /\bclose\b/i.test(headerOf({ headers }, 'connection'))
      answers.push({ status, headers, body: read.body, whole: read.whole, framing: read.framing, close })
      if (!read.whole) break
      at = read.end
      if ((close || status === 101) && at < text.length) throw new Error('bytes after the last answer')
    }
    return { answers, fault: '' }
  } catch (error) {
    return { answers, fault: `${(error as Error).message} at ${at} of ${JSON.stringify(text.slice(-2000))}` }
  }
}

interface ReadBody {
  readonly body: string
  readonly end: number
  readonly whole: boolean
  readonly framing: HeardAnswer['framing']
}

function readBody(
  text: string,
  start: number,
  status: number,
  headers: HeardAnswer['headers'],
  method: string,
  ending: 'end' | 'reset' | 'open',
): ReadBody {
  const lengths = headers.filter(([name]) => name.toLowerCase() === 'content-length')
  const codings = headers.filter(([name]) => name.toLowerCase() === 'transfer-encoding')
  if (lengths.length + codings.length > 1) throw new Error('framed twice')
  if (status === 101) return { body: '', end: text.length, whole: true, framing: 'none' }
  if (method === 'HEAD' || status === 204 || status === 304)
    return { body: '', end: start, whole: true, framing: 'none' }
  if (codings.length === 1) {
    if (codings[0]![1] !== 'chunked') throw new Error('bad Transfer-Encoding')
    return readChunks(text, start)
  }
  if (lengths.length === 1) {
    if (!/^\d+$/.test(lengths[0]![1])) throw new Error('bad Content-Length')
    const end = start + Number(lengths[0]![1])
    if (method === '' && (text.length === start || text.startsWith('HTTP/1.1 ', start))) {
      return { body: '', end: start, whole: true, framing: 'none' }
    }
    return { body: text.slice(start, end), end, whole: text.length >= end, framing: 'length' }
  }
  return { body: text.slice(start), end: text.length, whole: ending === 'end', framing: 'close' }
}

function readChunks(text: string, start: number): ReadBody {
  let body = ''
  let at = start
  for (;;) {
    const sizeEnd = text.indexOf('\r\n', at)
    if (sizeEnd === -1) return { body, end: text.length, whole: false, framing: 'chunked' }
    const size = text.slice(at, sizeEnd)
    if (!/^[0-9a-f]{1,8}$/.test(size)) throw new Error(`bad chunk size ${JSON.stringify(size)}`)
    at = sizeEnd + 2
    if (size === '0') {
      for (;;) {
        const lineEnd = text.indexOf('\r\n', at)
        if (lineEnd === -1) return { body, end: text.length, whole: false, framing: 'chunked' }
        if (lineEnd === at) return { body, end: at + 2, whole: true, framing: 'chunked' }
        readField(text.slice(at, lineEnd))
        at = lineEnd + 2
      }
    }
    const stop = at + Number.parseInt(size, 16)
    body += text.slice(at, stop)
    if (text.length < stop + 2) return { body, end: text.length, whole: false, framing: 'chunked' }
    if (text.slice(stop, stop + 2) !== '\r\n') throw new Error('chunk without end')
    at = stop + 2
  }
}

function readField(line: string): readonly [string, string] {
  const match = HEADER_LINE.exec(line)
  if (match === null) throw new Error(`bad header line ${JSON.stringify(line)}`)
  return [match[1]!, match[2]!]
}
