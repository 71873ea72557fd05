import { readFile } from 'node:fs/promises'
import { nearest } from '../config/nearest-key.ts'
import type { Command } from './command.ts'
import { Failure, UsageError } from './command.ts'

/** Each loads what it needs and no more. */
const COMMANDS: Readonly<Record<string, { summary: string; load(): Promise<Command> }>> = {
  start: { summary: 'Start a router', load: async () => (await import('./start.ts')).start },
  check: { summary: 'Check a configuration file', load: async () => (await import('./check.ts')).check },
  plan: { summary: 'Show what a reload would change', load: async () => (await import('./plan.ts')).plan },
  reload: {
    summary: 'Take the changed configuration file into use',
    load: async () => (await import('./reload.ts')).reload,
  },
  upgrade: {
    summary: 'Replace the processes by the program on disk',
    load: async () => (await import('./upgrade.ts')).upgrade,
  },
  top: { summary: 'Show the processes of the router', load: async () => (await import('./top.ts')).top },
  ps: { summary: 'Show the dynos', load: async () => (await import('./ps.ts')).ps },
  apps: { summary: 'Show the apps', load: async () => (await import('./apps.ts')).apps },
  scale: { summary: 'Say how many dynos an app has', load: async () => (await import('./scale.ts')).scale },
  deploy: { summary: 'Bring the next release to the dynos', load: async () => (await import('./deploy.ts')).deploy },
  releases: { summary: 'Show the releases of an app', load: async () => (await import('./releases.ts')).releases },
  rollback: { summary: 'Deploy an earlier release', load: async () => (await import('./rollback.ts')).rollback },
  maintenance: {
    summary: 'Turn maintenance of an app on or off',
    load: async () => (await import('./maintenance.ts')).maintenance,
  },
  'trusted-ips': {
    summary: 'Show or change from where clients may come',
    load: async () => (await import('./trusted-ips.ts')).trustedIps,
  },
  topology: {
    summary: 'Show apps, formations and addresses',
    load: async () => (await import('./topology.ts')).topology,
  },
}

/** Runs `postern ARGS` and resolves with its exit code: 0 done, 1 failed, 2 called in a wrong way. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined) {
    console.error(overview())
    return 2
  }
  if (name === 'help' || name === '--help' || name === '-h') {
    console.log(overview())
    return 0
  }
  if (name === '--version' || name === '-v') {
    console.log(await version())
    return 0
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!entry) {
    const meant = nearest(name, Object.keys(COMMANDS))
    console.error(
      `postern: there is no command '${name}'${meant ? `; is it '${meant}'?` : ''} (postern --help lists them)`,
    )
    return 2
  }
  const command = await entry.load()
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(command.help)
    return 0
  }
  try {
    return await command.run(rest)
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`postern ${name}: ${error.message} (postern ${name} --help)`)
      return 2
    }
    if (!(error instanceof Failure)) throw error
    console.error(`postern ${name}: ${error.message}`)
    return 1
  }
}

/** The version in package.json, which lies one folder up from both src/ and dist/. */
export async function version(): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  return manifest.version
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length))
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `usage: postern COMMAND [OPTIONS]

The router of a private space.

${lines.join('\n')}

postern COMMAND --help says more of each; postern --version prints the version.
Exit codes: 0 done, 1 failed, 2 called in a wrong way.`
}
