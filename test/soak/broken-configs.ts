import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { MixedLoad } from '../support/mixed-load.ts'
import { RouterProcess } from '../support/router-process.ts'

/**
 * Every way to break the file of a router that is running, under mixed traffic. Each broken file is put in place and left to be noticed, nobody tells the
 * router; then a good one is, which changes an app that has no traffic.
 *
 *   node test/soak/broken-configs.ts [--rate 500]
 *
 * Exit code 0: each was told once, with what is wrong and where; metric and readyz showed it; the good file after it was in use without a restart; and no request failed.
 */
const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`)
  return at === -1 ? fallback : Number(process.argv[at + 1])
}
/** The router looks at the file every half second: what it would say again it has said again by then. */
const SAID_AGAIN_MS = 1500
const support = resolve(import.meta.dirname, '../support')
const apps = (
  maintained: boolean,
) => `  shop: { domains: [shop.example.com], formation: { web: { quantity: 2, command: node ${support}/release-dyno.js } } }
  other: { domains: [other.example.com], maintenance: ${maintained}, formation: {} }
`
const more = 'workers: 2'
const router = await RouterProcess.start(apps(false), { more, cidr: '127.48.0.0/16' })
const taken = createServer().listen(0, '127.0.0.1')
await new Promise((listening) => taken.once('listening', listening))
const { port } = taken.address() as { port: number }

const good = router.text(apps(false), more)
const file = router.file
const place = (text: string) => {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}
const breakIt: [what: string, how: () => void, message: RegExp][] = [
  ['bad YAML', () => place(`${good}apps: [\n`), /space\.yml:\d+:\d+: .*YAML/],
  ['an unknown key', () => place(`${good}\nnonsense: 1\n`), /space\.yml:\d+:1: nonsense: /],
  [
    'a port that is taken',
    () => place(good.replace('dns:', `  - { name: other, address: "127.0.0.1:${port}", exposure: public }\ndns:`)),
    /listener other: 127\.0\.0\.1:\d+ cannot be bound: EADDRINUSE/,
  ],
  [
    'a folder that it names and that is not there',
    () => place(good.replace('quantity: 2,', 'quantity: 2, cwd: /nonexistent,')),
    /space\.yml:\d+:\d+: apps\.shop\.formation\.web\.cwd: /,
  ],
  [
    'a domain that two apps have',
    () => place(good.replace('[other.example.com]', '[shop.example.com]')),
    /space\.yml:\d+:\d+: apps\.other\.domains\[0\]: .*shop/,
  ],
  [
    'a CIDR that is none',
    () => place(`${good}\ntrustedIpRanges: [10.0.0.0/33]\n`),
    /space\.yml:\d+:\d+: trustedIpRanges\[0\]: /,
  ],
  ['an empty file', () => place(''), /the file is empty/],
  [
    'a folder',
    () => {
      rmSync(file)
      mkdirSync(file)
    },
    /is a folder/,
  ],
  ['half of the file, good YAML without the apps', () => place(good.slice(0, good.length / 2)), /space\.yml:\d+/],
  [
    'a file that may not be read',
    () => {
      rmSync(file, { recursive: true })
      // Root may read whatever there is: for it a link that goes round in a circle.
      if (process.getuid?.() === 0) symlinkSync('space.yml', file)
      else {
        writeFileSync(file, good)
        chmodSync(file, 0)
      }
    },
    /may not be read|cannot be read: ELOOP/,
  ],
  ['no file', () => rmSync(file), /no such file/],
  [
    'what takes a restart',
    () => place(good.replace('127.48.0.0/16', '127.49.0.0/16')),
    /a change of space needs a restart/,
  ],
]

let failed = false
function verdict(what: string, good: boolean, figures: string): void {
  failed ||= !good
  console.log(`${good ? 'ok    ' : 'NOT OK'} ${what}: ${figures}`)
}

try {
  const processes = async () =>
    (await router.processes())
      .filter(({ state }) => state === 'up')
      .map(({ pid }) => pid)
      .sort()
      .join()
  const load = new MixedLoad({
    port: router.port,
    host: 'shop.example.com',
    requestsPerSecond: option('rate', 500),
    slow: 5,
    uploads: 2,
    webSockets: 20,
  })
  await router.until(() => load.requests > 500)
  const pids = await processes()

  const reloadWorked = async () => (await router.metric('postern_config_last_reload_success')) === 1
  let maintained = false
  for (const [what, how, message] of breakIt) {
    const before = router.log.length
    const beganAtMs = performance.now()
    how()
    await router.until(() => router.log.slice(before).includes('not reloaded'))
    await router.until(async () => !(await reloadWorked()))
    const noticedMs = performance.now() - beganAtMs
    await setTimeout(SAID_AGAIN_MS)
    const said = router.log
      .slice(before)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: number; msg: string })
    const errors = said.filter(({ level }) => level >= 50).map(({ msg }) => msg)
    const ready = await router.admin('/readyz')
    const { warnings } = JSON.parse(ready.text) as { warnings: string[] }
    const shown = ready.status === 200 && warnings.some((warning) => warning.startsWith('the last reload failed'))
    maintained = !maintained
    rmSync(file, { recursive: true, force: true })
    place(router.text(apps(maintained), more))
    await router.until(() => router.log.slice(before).includes('reloaded (the file changed): ~ app other: maintenance'))
    await router.until(reloadWorked)
    const once = errors.length === 1 && message.test(errors[0]!)
    verdict(what, once && shown, `noticed after ${(noticedMs / 1000).toFixed(1)} s; ${errors.join(' | ')}`)
  }
  await load.stop()
  verdict('processes', (await processes()) === pids, 'the same as before')
  verdict(
    'load',
    load.failures.length === 0 && load.closes.size === 0,
    `${load.requests} requests, ${load.failures.length} failed, ${load.closes.size === 0 ? 'no' : [...load.closes.values()].join()} WebSocket cut`,
  )
  for (const failure of new Set(load.failures.slice(0, 10))) console.log(`       ${failure}`)
} catch (error) {
  failed = true
  console.error(error)
} finally {
  taken.close()
  await router.stop()
}
process.exit(failed ? 1 : 0)
