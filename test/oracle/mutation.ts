import type { Dice } from './dice.ts'

/** What attackers write where it does not belong. */
const SNIPPETS = [
  '\r',
  '\n',
  '\r\n',
  '\n\n',
  '\r\n\r\n',
  '\r\n ',
  '\r\n\t',
  ' ',
  '  ',
  '\t',
  ':',
  ' :',
  ',',
  ';',
  '\0',
  '\x0b',
  '\x0c',
  '\x1f',
  '\x7f',
  '\x80',
  '\x85',
  '\xa0',
  '\xff',
  '0',
  '1',
  '-',
  '+',
  'chunked',
  ', chunked',
  'chunked, ',
  ' HTTP/1.0',
  ' HTTP/1.1\r\n',
  'http://b.example/',
  'http://shop.example.com@b.example/',
  '#',
  '*',
  '%0d%0a',
  '\\',
  '0\r\n\r\n',
  'GET /x HTTP/1.1\r\nHost: shop.example.com\r\n\r\n',
]

/** Lines that change how a message is framed or where it goes, in every spelling that some parser was seen to take. */
const LINES = [
  ...[
    'chunked',
    ' chunked',
    '\tchunked',
    'chunked ',
    'chunked\t',
    'Chunked',
    'CHUNKED',
    'xchunked',
    'chunkedx',
    'chunke',
    '"chunked"',
    "'chunked'",
    'chunked,',
    ',chunked',
    ', chunked',
    'chunked, chunked',
    'chunked,identity',
    'identity, chunked',
    'identity',
    'gzip, chunked',
    'chunked, gzip',
    'chunked;q=1',
    'chunked; a=b',
    'x, chunked',
    '\x0bchunked',
    '\x0cchunked',
    '\0chunked',
    'chunked\0',
    'chunked\x0b',
    '\xa0chunked',
    'chunked\x85',
    'chunked\r',
    '\rchunked',
    '\nchunked',
    '\r\n chunked',
    '\r\n\tchunked',
    'chu\r\n nked',
    'chunKed',
    'chun\x4bed',
    'chun\xe2\x84\xaaed',
    'c\thunked',
    '',
    ' ',
    'deflate',
    'cow',
    '1',
    '0',
  ].map((value) => `Transfer-Encoding: ${value}\r\n`),
  'Transfer-Encoding:chunked\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Transfer-Encoding\t: chunked\r\n',
  ' Transfer-Encoding: chunked\r\n',
  '\tTransfer-Encoding: chunked\r\n',
  'Transfer_Encoding: chunked\r\n',
  'Transfer-Encoding\0: chunked\r\n',
  'Transfer-Encoding\x0b: chunked\r\n',
  'X: y\nTransfer-Encoding: chunked\r\n',
  'X: y\rTransfer-Encoding: chunked\r\n',
  '\x00Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding:\r\n chunked\r\n',
  'Transfer-Encoding\r\n: chunked\r\n',
  'transfer-encoding: chunked\n',
  'TRANSFER-ENCODING: chunked\r\n',
  '"Transfer-Encoding": chunked\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 05\r\n',
  'content-length: 0\r\n',
  'Content-Length: +5\r\n',
  'Content-Length: -1\r\n',
  'Content-Length: 5, 5\r\n',
  'Content-Length: 5,6\r\n',
  'Content-Length: 0x5\r\n',
  'Content-Length: 5 5\r\n',
  'Content-Length: 5\t\r\n',
  'Content-Length: \r\n',
  'Content-Length: 9007199254740992\r\n',
  'Content-Length: 18446744073709551621\r\n',
  'Content-Length : 5\r\n',
  ' Content-Length: 5\r\n',
  'Content_Length: 5\r\n',
  'Content-Length: 5;a\r\n',
  'Content-Length: 5.0\r\n',
  'Content-Length: 1e1\r\n',
  'Content-Length: \xb2\r\n',
  'Content-Length: 5\nX: y\r\n',
  'Host: b.example\r\n',
  'Host: shop.example.com\r\n',
  'Host : b.example\r\n',
  ' Host: b.example\r\n',
  'Host: shop.example.com, b.example\r\n',
  'Host:\r\n',
  'Host: a@b.example\r\n',
  'Connection: content-length\r\n',
  'Connection: transfer-encoding, keep-alive\r\n',
  'Connection: host\r\n',
  'Connection: x-forwarded-for\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  'Connection: upgrade\r\n',
  'Upgrade: websocket\r\n',
  'Upgrade: h2c\r\n',
  'Expect: 100-continue\r\n',
  'Expect: 200-ok\r\n',
  'TE: chunked\r\n',
  'Trailer: Content-Length\r\n',
  ': empty\r\n',
  ' folded\r\n',
  'no colon\r\n',
  'Bad Name: x\r\n',
]

/** Ways to write the length N, few of them right. */
const LENGTHS = [
  'N ',
  'N\t',
  '0N',
  '+N',
  '-N',
  'N, N',
  'N,N',
  'N;',
  'N.0',
  'N\0',
  'N\x0b',
  'N\x0c',
  '\x0bN',
  '"N"',
  '0xN',
  'N N',
  'N\r\n N',
  'N\r\n ',
  '\r\n N',
  'N\nContent-Length: N',
  'N\r\nContent-Length: N',
  'N\r\nContent-Length: 0',
  'N\r\nContent_Length: 0',
  'N\r\nTransfer-Encoding: chunked',
  'N\xa0',
  '\xb2',
  'N_0',
  'Ne0',
  '',
]

const CHUNK_SIZES = [
  '0',
  '00000000000000000000',
  '1',
  '5',
  '0x5',
  '+5',
  '-1',
  '5 ',
  ' 5',
  '5\t',
  '5;',
  '5;a',
  '5;a=b',
  '5; a=b',
  '5;a="b\r\n"',
  '5;a=\n',
  '5\n',
  '5\r',
  '5\0',
  'g',
  '',
  '5_0',
  'ffffffff',
  'ffffffffffffffff',
  '10000000000000005',
  '20000000000000',
  '1fffffffffffff',
]

/** The text of a message, one character per byte, with so many changes. */
export function mutate(dice: Dice, text: string, changes: number): string {
  let mutated = text
  for (let left = changes; left > 0; left--) mutated = change(dice, mutated)
  return mutated
}

function change(dice: Dice, text: string): string {
  switch (dice.below(14)) {
    case 0:
      return flip(dice, text)
    case 1:
      return spliced(text, place(dice, text), dice.below(3), dice.pick(['\r', '\n', '\r\n', '\0', ' ', '\t']))
    case 2:
      return spliced(text, place(dice, text), dice.below(4), dice.pick(SNIPPETS))
    case 3:
      return spliced(text, place(dice, text), dice.between(1, 3), '')
    case 4:
    case 5:
      return withLines(text, (lines) => lines.splice(1 + dice.below(Math.max(1, lines.length)), 0, dice.pick(LINES)))
    case 6:
      return withLines(text, (lines) => reorder(dice, lines))
    case 7: {
      // Obs-fold: a value goes on in the next line.
      const colon = text.indexOf(':', place(dice, text))
      return colon === -1 ? text : spliced(text, colon + 1, 0, dice.pick(['\r\n ', '\r\n\t', '\n ', '\r\n \r\n ']))
    }
    case 8:
      return rechunk(dice, text)
    case 9: {
      // One line end of another kind.
      const end = text.indexOf('\r\n', place(dice, text))
      return end === -1 ? text : spliced(text, end, 2, dice.pick(['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', '\r\n\n']))
    }
    case 10:
    case 11:
      return respell(dice, text)
    case 12:
      return text.slice(0, dice.below(text.length + 1))
    default:
      return spliced(text, place(dice, text), 0, dice.binary(dice.between(1, 3)))
  }
}

/** Mostly within the head, where bytes mean more. */
function place(dice: Dice, text: string): number {
  const headEnd = text.indexOf('\r\n\r\n')
  const limit = headEnd !== -1 && dice.chance(0.7) ? headEnd + 5 : text.length + 1
  return dice.below(limit)
}

function spliced(text: string, at: number, remove: number, insert: string): string {
  return text.slice(0, at) + insert + text.slice(at + remove)
}

function flip(dice: Dice, text: string): string {
  if (text === '') return text
  const at = Math.min(place(dice, text), text.length - 1)
  return spliced(text, at, 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << dice.below(8))))
}

function withLines(text: string, edit: (lines: string[]) => void): string {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return text
  const lines = text.slice(0, headEnd + 2).split(/(?<=\r\n)/)
  edit(lines)
  return lines.join('') + text.slice(headEnd + 2)
}

function reorder(dice: Dice, lines: string[]): void {
  const one = dice.below(lines.length)
  const other = dice.below(lines.length)
  switch (dice.below(3)) {
    case 0: // Twice.
      lines.splice(other, 0, lines[one]!)
      break
    case 1: {
      const moved = lines[one]!
      lines[one] = lines[other]!
      lines[other] = moved
      break
    }
    default:
      lines.splice(one, 1)
  }
}

/** The framing line that is there says the same, or nearly, in another spelling. */
function respell(dice: Dice, text: string): string {
  const coded = dice.pick(LINES.filter((line) => /^transfer-encoding/i.test(line)))
  return text.replace(/(\r\n)((?:Content-Length|Transfer-Encoding):[ \t]*)([^\r\n]*)\r\n/i, (_, end, name, value) =>
    /^content/i.test(name) ? `${end}${name}${dice.pick(LENGTHS).replaceAll('N', value)}\r\n` : `${end}${coded}`,
  )
}

function rechunk(dice: Dice, text: string): string {
  const sizes = [...text.matchAll(/\r\n[0-9a-fA-F]+(?:;[^\r\n]*)?(?=\r\n)/g)]
  if (sizes.length === 0) return spliced(text, place(dice, text), 0, `${dice.pick(CHUNK_SIZES)}\r\n`)
  const size = dice.pick(sizes)
  return spliced(text, size.index + 2, size[0].length - 2, dice.pick(CHUNK_SIZES))
}

/** The bytes in one to nine pieces; short ones now and then byte by byte. */
export function split(dice: Dice, text: string): string[] {
  if (text.length > 1 && text.length < 400 && dice.chance(0.02)) return [...text]
  const cuts = Array.from({ length: dice.chance(0.3) ? 0 : dice.between(1, 8) }, () =>
    dice.chance(0.5) ? place(dice, text) : dice.below(text.length + 1),
  ).sort((a, b) => a - b)
  return [0, ...cuts].map((from, i) => text.slice(from, cuts[i] ?? text.length)).filter((piece) => piece !== '')
}
