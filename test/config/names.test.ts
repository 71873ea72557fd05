import fc from 'fast-check'
import t from 'tap'
import { NAME, readDomain, readName, readVariable } from '../../src/config/names.ts'
import { configWith, problemsWith, withApp } from './checked.ts'

t.test('names are labels of DNS names', async (t) => {
  for (const name of ['a', 'shop', 'shop-2', 'a'.repeat(30)]) t.strictSame(readName(name), { value: name })
  for (const name of [
    '',
    '2shop',
    '-shop',
    'shop-',
    'Shop',
    'my_shop',
    'my shop',
    'a'.repeat(31),
    'shöp',
    'a.b',
    '__proto__',
  ]) {
    t.match(readName(name), { wrong: / is not a name; write up to 30 of a-z, 0-9 and -/ }, name)
  }
})

t.test('a name that is not right gets one that is', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
      const reading = readName(text)
      if ('value' in reading) return reading.value === text && NAME.test(text)
      const proposed = /, such as (.*)$/s.exec(reading.wrong)?.[1]
      return proposed === undefined || NAME.test(proposed)
    }),
  )
})

t.test('names of apps and process types are checked where they are keys', async (t) => {
  const web = { command: 'x' }
  t.strictSame(problemsWith({ apps: { Shop: { formation: { web_1: web } } } }), [
    'apps.Shop: "Shop" is not a name; write up to 30 of a-z, 0-9 and -, a letter first and no - at the end, such as shop',
    'apps.Shop.formation.web_1: "web_1" is not a name; write up to 30 of a-z, 0-9 and -, a letter first and no - at the end, such as web-1',
  ])
})

t.test('variables are what a shell can set, and none of the router', async (t) => {
  t.strictSame(configWith(withApp({ env: { _A1: 'x', lower: '' } })).apps[0]?.env, { _A1: 'x', lower: '' })
  t.strictSame(readVariable('PORT'), { wrong: 'PORT is set by the router for each dyno; leave it out' })
  for (const name of ['', '1A', 'A-B', 'A B', 'A=B', 'Ä'])
    t.match(readVariable(name), { wrong: / is not the name of a variable/ })
  t.strictSame(problemsWith(withApp({ env: { WORKERS: 4, DYNO: 'web.1' } })), [
    'apps.shop.env.WORKERS: found the number 4; give text, in quotes where it could be read as a number or a flag',
    'apps.shop.env.DYNO: DYNO is set by the router for each dyno; leave it out',
  ])
})

t.test('domains are host names, and the wildcard is a leading *.', async (t) => {
  for (const domain of [
    'a',
    'shop.example.com',
    '*.example.com',
    '1a.2b.c3',
    `${'a'.repeat(63)}.com`,
    'xn--bcher-kva.example',
  ]) {
    t.strictSame(readDomain(domain), { value: domain })
  }
  t.strictSame(readDomain('*.Shop.EXAMPLE.com'), { value: '*.shop.example.com' })
})

t.test('what is no domain is told why and what to write', async (t) => {
  const wrong: Record<string, RegExp> = {
    '': /^empty domain; write one such as/,
    '*': /the only wildcard is a leading \*\. as in/,
    '*.': /^empty domain/,
    '*shop.com': /the only wildcard/,
    'shop.*': /the only wildcard/,
    '*.*.com': /the only wildcard/,
    'a.*.com': /the only wildcard/,
    'https://shop.com': /write the host name alone/,
    'shop.com/a': /write the host name alone/,
    'shop.com:80': /ports are ignored; write shop\.com$/,
    'shop.com.': /write it without the final dot: shop\.com$/,
    'shop..com': /two dots in a row/,
    '.shop.com': /two dots in a row or one in front/,
    'my_shop.com': /"my_shop" has more than letters/,
    'shop com': /has more than letters/,
    '-a.com': /begins or ends with -/,
    'a-.com': /begins or ends with -/,
    'bücher.example': /not a domain in ASCII; write its A-label: xn--bcher-kva\.example$/,
    '*.bücher.example': /write its A-label: xn--bcher-kva\.example$/,
    '10.0.0.1': /an address; apps are found by name/,
    '127.1': /an address; apps are found by name/,
    '[::1]': /an address; apps are found by name/,
    '::1': /an address; apps are found by name/,
    'shop.123': /the last label is a number/,
    [`${'a'.repeat(64)}.com`]: /at most 63 characters/,
    [`${'abcdefg.'.repeat(32)}com`]: /at most 253/,
  }
  for (const [domain, sentence] of Object.entries(wrong)) t.match(readDomain(domain), { wrong: sentence }, domain)
})

t.test('the zone leaves room for the names of dynos', async (t) => {
  t.strictSame(problemsWith({ dns: { zone: `${'abcdefg.'.repeat(22)}local` } }), [
    'dns.zone: 181 characters leave no room for the names of dynos; give at most 180',
  ])
  t.match(problemsWith({ dns: { zone: '*.local' } }), [
    /^dns\.zone: "\*\.local" is not a domain: "\*" has more than letters/,
  ])
})

t.test('balancing by hash takes the client, a header or a cookie', async (t) => {
  const balanceOn = (on: unknown) => withApp({ balance: { algorithm: 'hash', on } })
  t.match(configWith(balanceOn('client')).apps[0]?.balance, { hashOn: 'client', hashName: '' })
  t.match(configWith(balanceOn('header:X-User')).apps[0]?.balance, { hashOn: 'header', hashName: 'x-user' })
  t.match(configWith(balanceOn('cookie:SID')).apps[0]?.balance, { hashOn: 'cookie', hashName: 'SID' })
  t.match(configWith(withApp({ balance: 'hash' })).apps[0]?.balance, { algorithm: 'hash', hashOn: 'client' })
  t.match(problemsWith(balanceOn('cookie:')), [
    /"" is not the name of a cookie; write a token, such as cookie:session$/,
  ])
  t.match(problemsWith(balanceOn('header:a b')), [/"a b" is not the name of a header/])
  t.match(problemsWith(balanceOn('path')), [/write client, header:NAME or cookie:NAME$/])
})

t.test('the pseudonym in Via is a token, the name of an SRV record a DNS name', async (t) => {
  t.match(problemsWith({ headers: { via: 'my router' } }), [/^headers\.via: "my router" is not a token/])
  const named = (name: unknown) => withApp({ formation: { web: { dns: { name, server: '10.0.0.2:53' } } } })
  t.match(configWith(named('_http._tcp.a_b.Example.')).apps[0]?.formation[0]?.source, {
    name: '_http._tcp.a_b.example',
  })
  for (const name of ['a..b', 'a b', `${'a'.repeat(64)}.b`, '.', 'bücher'])
    t.match(problemsWith(named(name)), [/is not a DNS name/], name)
})
