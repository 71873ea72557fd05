import t from 'tap'
import { isIPv4, isIPv6 } from '../../src/wire/address-text.ts'
import { bytesOf } from './wire-cases.ts'

type Reading = (bytes: Uint8Array, start: number, end: number) => boolean

/** Whether it reads the text alone, and just so with what continues it on both sides. */
function reads(isAddress: Reading, text: string): boolean {
  const alone = isAddress(bytesOf(text), 0, text.length)
  for (const around of [':', '.', '1', 'f', ' ']) {
    const among = isAddress(bytesOf(`${around}${text}${around}`), 1, 1 + text.length)
    if (among !== alone) throw new Error(`${JSON.stringify(around)} beside ${JSON.stringify(text)} makes a difference`)
  }
  return alone
}

t.test('an IPv4 address is four octets, and nothing beside it counts', async (t) => {
  for (const text of ['0.0.0.0', '127.0.0.1', '255.255.255.255', '10.20.30.40']) t.ok(reads(isIPv4, text), text)
  for (const text of [
    '',
    '.',
    '...',
    '1',
    '1.2.3',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '1.2..3',
    '..2.3',
    '1.2.3.4.',
    '.1.2.3.4',
    '1.2.3.4.5',
    '1.2.3.256',
    '256.2.3.4',
    '1.2.3.04',
    '00.2.3.4',
    '1.2.3.-4',
    '1.2.3.+4',
    '1.2.3./',
    '1.2.3.:',
    '1.2.3.a',
    '1.2.3.0x4',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1,2,3,4',
  ]) {
    t.notOk(reads(isIPv4, text), JSON.stringify(text))
  }
})

t.test('an IPv6 address is eight groups, or fewer around one gap, and nothing beside it counts', async (t) => {
  for (const text of ['::', '::1', '1::', '1:2:3:4:5:6:7:8', 'ABCD::ef01', '::1.2.3.4', '1::2:3.4.5.6', '0000::']) {
    t.ok(reads(isIPv6, text), text)
  }
  for (const text of [
    '',
    ':',
    ':12',
    ':12:3',
    ':1:2:3:4:5:6:7',
    ':1:2:3:4:5:6:7:8',
    '1',
    '1:',
    '1::2:',
    '::1:',
    ':::',
    '1::2::3',
    '00000::',
    '::g',
    '::1..2.3',
    '::1.2.3.',
    '::.1.2.3',
    '::1.2.3.-4',
    '::1.2.3./',
    '::1.2.3.4:5',
    '1.2.3.4',
    '1:2:3:4:5:1.2.3.4',
    '1:2:3:4:5:6:7:1.2.3.4',
    '1:2:3:4:5:6::1.2.3.4',
    '1:2:3:4:5:6:7:8::',
  ]) {
    t.notOk(reads(isIPv6, text), JSON.stringify(text))
  }
})
