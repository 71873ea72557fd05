import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * Packs the package, installs it as a user would (no dev dependencies), and under each supported Node lets it check a configuration, serve one
 * request and stop. Needs a package registry for the Node versions. Exit code 1 when one of them fails.
 *
 *     node tools/check-package.ts [VERSION …]
 */
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22.19.0', '24.21.0', '26.10.0']
const root = resolve(import.meta.dirname, '..')
const work = mkdtempSync(join(tmpdir(), 'postern-package-'))

function npm(cwd: string, ...args: string[]): void {
  const { status, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stderr}`)
}

async function serves(node: string, version: string): Promise<string> {
  const dyno = createServer((_request, response) => response.end('from the dyno')).listen(0, '127.0.0.1')
  await once(dyno, 'listening')
  const port = 18_000 + (process.pid % 10_000)
  const file = join(work, `space-${version}.yml`)
  writeFileSync(
    file,
    `space: { name: package, cidr: 127.10.0.0/16 }
listeners: [{ name: public, address: "127.0.0.1:${port}", exposure: public }]
dns: { address: "127.0.0.1:0" }
admin: { address: "unix:${version}.sock" }
apps:
  shop:
    domains: [localhost]
    formation: { web: { dynos: [{ address: "127.0.0.1:${(dyno.address() as AddressInfo).port}" }] } }
`,
  )
  const cli = join(work, 'node_modules/postern/dist/cli.js')
  const check = spawnSync(node, [cli, 'check', '--config', file], { encoding: 'utf8' })
  if (check.status !== 0) return `check: ${check.stdout}${check.stderr}`
  const router = spawn(node, [cli, 'start', '--config', file], { stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    for (let i = 0; i < 200 && router.exitCode === null; i++) {
      const body = await fetch(`http://localhost:${port}/`).then(
        (answer) => answer.text(),
        () => '',
      )
      if (body === 'from the dyno') return ''
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return 'no answer in 10 s'
  } finally {
    router.kill('SIGTERM')
    if (router.exitCode === null) await once(router, 'exit')
    dyno.close()
    dyno.closeAllConnections()
  }
}

let failed = false
try {
  npm(root, 'pack', '--pack-destination', work)
  writeFileSync(join(work, 'package.json'), '{ "private": true }')
  npm(work, 'install', '--omit=dev', `./${readdirSync(work).find((file) => file.endsWith('.tgz'))}`)
  for (const version of versions) {
    const platform = `node-${process.platform}-${process.arch}`
    const directory = join(work, version)
    npm(work, 'install', '--no-save', '--prefix', directory, `${platform}@${version}`)
    const problem = await serves(join(directory, 'node_modules', platform, 'bin/node'), version)
    failed ||= problem !== ''
    console.log(`Node ${version}: ${problem === '' ? 'checks, serves, stops' : problem}`)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.exit(failed ? 1 : 0)
