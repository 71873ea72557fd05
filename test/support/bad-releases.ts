import { resolve } from 'node:path'
import type { DeployStatus } from '../../src/control/deploys/deploy-status.ts'
import { EventWatch } from './event-watch.ts'
import { MixedLoad } from './mixed-load.ts'
import { RouterProcess } from './router-process.ts'

/** What can be wrong with a release, the reason that its deploy has to give, and what its clients may see of it. */
const BAD_RELEASES = {
  'no-boot': { reason: /^web\.1 did not come up: exited with status 3$/, harm: /^$/ },
  unhealthy: { reason: /^web\.1 did not come up: .*health check.* within 8 s$/, harm: /^$/ },
  errors: { reason: /^\d+(\.\d)? % of \d+ requests failed/, harm: /: (?:status 500$|HTTP\/1\.1 500 )/ },
  slow: { reason: /^the first byte takes up to \d+ ms \(p95\), \d+ ms with the release before$/, harm: /^$/ },
  // What it had in flight when it ended.
  crash: { reason: /^web\.1 crashed: exited with status 4$/, harm: /: status 503$/ },
} as const

export type BadRelease = keyof typeof BAD_RELEASES
export const ALL_BAD_RELEASES = Object.keys(BAD_RELEASES) as BadRelease[]

export interface Trial {
  readonly bad: BadRelease
  readonly phase: string
  readonly reason: string
  /** Whether that is the reason it should give. */
  readonly reasonFits: boolean
  /** Of the way there. */
  readonly batches: number
  /** `web.1 v1 up`, in order. */
  readonly dynos: readonly string[]
  readonly requests: number
  /** Failures beyond those that the bad dynos themselves answered. */
  readonly failures: readonly string[]
}

const DYNOS = 4
const program = resolve(import.meta.dirname, 'release-dyno.js')
const domain = (bad: string) => `${bad}.example.com`

/** Brings each of these releases to an app of its own, under load, at the same time. */
export async function tryBadReleases(kinds: readonly BadRelease[], cidr: string): Promise<Trial[]> {
  const apps = kinds.map(
    (bad) =>
      `  ${bad}:\n    domains: [${domain(bad)}]\n    healthCheck: { path: /up, interval: 1s }\n    env: { TAKES_MS: "${bad === 'slow' ? 200 : 0}", CRASH_MS: "5000" }\n    formation: { web: { quantity: ${DYNOS}, command: node ${program} } }\n`,
  )
  const more = 'workers: 1\ndeploy: { hold: 6s, bootTimeout: 8s, drainTimeout: 5s, shutdownGrace: 5s }'
  const router = await RouterProcess.start(apps.join(''), { more, cidr })
  const watch = await EventWatch.open(router)
  try {
    return await Promise.all(kinds.map((bad) => tryRelease(router, watch, bad)))
  } finally {
    await watch.close()
    await router.stop()
  }
}

async function tryRelease(router: RouterProcess, watch: EventWatch, bad: BadRelease): Promise<Trial> {
  const load = new MixedLoad({
    port: router.port,
    host: domain(bad),
    requestsPerSecond: 40,
    slow: 0,
    uploads: 0,
    webSockets: 0,
  })
  try {
    await router.until(() => load.requests > 40)
    const { status, text } = await router.change('POST', `/apps/${bad}/deploy`, { env: { MOOD: bad } })
    if (status !== 202) throw new Error(text)
    const deploy = async () => JSON.parse((await router.admin(`/apps/${bad}/deploy`)).text) as DeployStatus
    await router.until(async () => !(await deploy()).underWay)
    const { phase, reason } = await deploy()
    const { reason: expected, harm } = BAD_RELEASES[bad]
    const rows = (await router.dynos()).filter(({ app }) => app === bad)
    const batches = watch.events.filter(
      ({ kind, app, step }) => kind === 'batch' && app === bad && step === 'replacing',
    )
    return {
      bad,
      phase,
      reason,
      reasonFits: expected.test(reason),
      batches: batches.length,
      dynos: rows.map(({ dyno, release, state }) => `${dyno} ${release} ${state}`),
      requests: load.requests,
      failures: load.failures.filter((failure) => !harm.test(failure)),
    }
  } finally {
    await load.stop()
  }
}
