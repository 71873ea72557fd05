import { DeployKills } from '../support/deploy-kills.ts'

/**
 * Kills the control process in the middle of deploys, at points that sweep over the whole of them: of four dynos and of one, and of a release that does
 * not boot and is rolled back. All the while there are requests.
 *
 *   node test/soak/deploy-kills.ts [--kills 40] [--step 120]
 *
 * Exit code 0: every deploy went on, or back; no dyno was lost or doubled; no request failed.
 */
const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`)
  return at === -1 ? fallback : Number(process.argv[at + 1])
}

const kills = option('kills', 40)
const stage = await DeployKills.start('127.64.0.0/16', ['several', 'single', 'bad'])
const seen = new Map<string, number>()
let bad = 0
try {
  for (let i = 0; i < kills; i++) {
    const { points, problems } = await stage.kill(i * option('step', 120))
    for (const point of points) seen.set(point, (seen.get(point) ?? 0) + 1)
    if (problems.length > 0) bad++
    const verdict = problems.length === 0 ? 'ok    ' : 'NOT OK'
    console.log(`${verdict} after ${i * option('step', 120)} ms: ${points.join(', ')} ${problems.join('; ')}`)
  }
} finally {
  await stage.stop()
}
console.log(`${kills} kills at ${seen.size} different points, ${stage.requests} requests, ${bad} kills with problems`)
for (const [point, times] of [...seen].sort()) console.log(`  ${times} × ${point}`)
process.exit(bad === 0 ? 0 : 1)
