/** Classes of bytes, one look-up per byte. All tables are 256 long: any byte is a valid index. */

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SPACE = 0x20
export const HASH = 0x23
export const STAR = 0x2a
export const COMMA = 0x2c
export const DASH = 0x2d
export const DOT = 0x2e
export const SLASH = 0x2f
export const ZERO = 0x30
export const COLON = 0x3a
export const QUESTION = 0x3f
export const UNDERSCORE = 0x5f

/** 1 for the bytes of a token (RFC 9110 §5.6.2): method names, header names, options. */
export const TOKEN = tableOf((byte) => isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".includes(String.fromCharCode(byte)))

/** 1 for the bytes of a header value (RFC 9110 §5.5): HTAB, SP, VCHAR and obs-text. */
export const VALUE = tableOf((byte) => byte === HTAB || (byte >= 0x20 && byte !== 0x7f))

/**
 * 1 for the bytes of a request target: visible ASCII but `#`. Wider than RFC 3986 (browsers do send `|` and `"`), but nothing that ends
 * a line, separates its parts, or means a fragment.
 */
export const TARGET = tableOf((byte) => byte > 0x20 && byte < 0x7f && byte !== HASH)

/** 1 for the bytes of a host name's label: letters, digits, hyphen, and the underscore that real names have. */
export const LABEL = tableOf((byte) => isAlphanumeric(byte) || byte === DASH || byte === UNDERSCORE)

/** Lower case of ASCII letters; any other byte is itself. */
export const LOWER = tableOf((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte))

/** Value of a hexadecimal digit; 255 for any other byte. */
export const HEX = tableOf((byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte | (byte >= 0x41 ? 0x20 : 0)))
  return digit === -1 ? 255 : digit
})

function tableOf(classOf: (byte: number) => number | boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(classOf(byte)))
}

function isAlphanumeric(byte: number): boolean {
  const lower = byte | 0x20
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x7a)
}

declare global {
  /** Node has had these since its beginning; its type declarations leave them out. */
  interface Buffer {
    latin1Slice(start?: number, end?: number): string
    latin1Write(text: string, offset?: number, length?: number): number
  }
}
