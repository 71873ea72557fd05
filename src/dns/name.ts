/**
 * Domain names, in two forms.
 *
 * Text: what people write, without the last dot; '' is the root. A dot or backslash inside a label is `\.` or `\\`, a byte
 * outside printable ASCII is `\DDD` (RFC 1035 §5.1), so that every name of the wire has exactly one text.
 * Wire: the bytes of the message (length, label, …, 0) as a string of one character per byte: a key that needs no parsing.
 */

/** The root's byte counted (RFC 1035 §2.3.4). */
export const MAX_NAME_BYTES = 255
export const MAX_LABEL_BYTES = 63

export const ROOT_WIRE = '\0'

/** null when a label is empty, longer than 63 bytes or not ASCII, when an escape is cut short, or when it is over 255 bytes. */
export function wireName(text: string): string | null {
  if (text === '' || text === '.') return ROOT_WIRE
  let wire = ''
  let label = ''
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : DOT
    if (code === DOT) {
      if (label.length === 0 || label.length > MAX_LABEL_BYTES) return null
      wire += String.fromCharCode(label.length) + label
      label = ''
      if (at === text.length - 1) break // the dot of a fully qualified name
    } else if (code === BACKSLASH) {
      const escaped = /^\\(?:(\d{3})|([^\d]))/.exec(text.slice(at, at + 4))
      if (escaped === null) return null
      const byte = escaped[1] === undefined ? escaped[2]!.charCodeAt(0) : Number(escaped[1])
      if (byte > 0xff) return null
      label += String.fromCharCode(byte)
      at += escaped[0].length - 1
    } else {
      if (code < 0x20 || code > 0x7e) return null
      label += text[at]
    }
    if (wire.length + label.length > MAX_NAME_BYTES) return null
  }
  wire += ROOT_WIRE
  return wire.length > MAX_NAME_BYTES ? null : wire
}

/** For names that our own code made: a bad one is a bug. @throws RangeError */
export function requireWireName(text: string): string {
  const wire = wireName(text)
  if (wire === null) throw new RangeError(`not a domain name: ${JSON.stringify(text)}`)
  return wire
}

/** The text of a wire name that is known to be well formed. */
export function nameText(wire: string): string {
  let text = ''
  for (let at = 0; wire.charCodeAt(at) > 0; at += 1 + wire.charCodeAt(at)) {
    const label = wire.slice(at + 1, at + 1 + wire.charCodeAt(at))
    text += (at === 0 ? '' : '.') + labelText(label)
  }
  return text
}

/** One label, its bytes as characters, escaped. */
export function labelText(label: string): string {
  if (!/[^!-~]|[.\\]/.test(label)) return label
  return label.replace(/[^!-~]|[.\\]/g, (char) =>
    char === '.' || char === '\\' ? `\\${char}` : `\\${String(char.charCodeAt(0)).padStart(3, '0')}`,
  )
}

/** ASCII letters to lower case and nothing else (RFC 4343 §3); good for both forms: a length byte is below 'A'. */
export function foldCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** The name without its first label; the root has no parent. */
export function parentWire(wire: string): string {
  return wire.slice(1 + wire.charCodeAt(0))
}

/** Whether two names (of the same form) are the same: ASCII case does not count. */
export function sameName(a: string, b: string): boolean {
  return foldCase(a) === foldCase(b)
}

const DOT = 0x2e
const BACKSLASH = 0x5c
