import { FIELD_STRIDE, type HeadLines, KIND, KIND_SHIFT, VALUE_END, VALUE_START } from './head-lines.ts'
import { UPGRADE } from './header-names.ts'
import { elementEnd, skipBlanks, startsWithWord, trimBlanks } from './list-value.ts'
import { BAD_UPGRADE } from './refusal.ts'
import { SLASH, TOKEN } from './tables.ts'

export const NOTHING_OFFERED = 0
export const UPGRADE_OFFERED = 1
/** The request is to be served as if it had not asked (RFC 9110 §7.8 leaves that to the server). */
export const UPGRADE_IGNORED = 2

/**
 * What the Upgrade lines of a head offer: one of the above, or a refusal. Protocols that begin HTTP anew are ignored: behind a tunnel into
 * `h2c`, requests would reach the dyno that the router never saw.
 */
export function offeredUpgrade(lines: HeadLines, bytes: Uint8Array, start: number): number {
  let offer = NOTHING_OFFERED
  const { fields, fieldCount } = lines
  for (let at = 0; at < fieldCount * FIELD_STRIDE; at += FIELD_STRIDE) {
    if (fields[at + KIND]! >> KIND_SHIFT !== UPGRADE) continue
    const end = start + fields[at + VALUE_END]!
    for (let element = start + fields[at + VALUE_START]!; element < end; ) {
      const stop = elementEnd(bytes, element, end)
      const from = skipBlanks(bytes, element, stop)
      const to = trimBlanks(bytes, from, stop)
      element = stop + 1
      if (from === to) continue
      if (!isProtocol(bytes, from, to)) return BAD_UPGRADE
      if (speaksHttp(bytes, from, to)) offer = UPGRADE_IGNORED
      else if (offer === NOTHING_OFFERED) offer = UPGRADE_OFFERED
    }
  }
  return offer
}

/** `token ["/" token]` */
function isProtocol(bytes: Uint8Array, start: number, end: number): boolean {
  let slash = -1
  for (let at = start; at < end; at++) {
    if (TOKEN[bytes[at]!] === 1) continue
    if (bytes[at] !== SLASH || slash !== -1) return false
    slash = at
  }
  return slash !== start && slash !== end - 1
}

function speaksHttp(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    startsWithWord(bytes, start, end, 'h2') ||
    startsWithWord(bytes, start, end, 'http') ||
    startsWithWord(bytes, start, end, 'tls')
  )
}
