import t from 'tap'
import { DeployKills } from '../support/deploy-kills.ts'

// The promise: a deploy survives the end of the control process, wherever it is: it goes on, or back, no dyno is lost or doubled, and no request fails.
// `node test/soak/deploy-kills.ts` sweeps over many more points.

t.test('control is killed in the middle of deploys', { timeout: 300_000 }, async (t) => {
  const stage = await DeployKills.start('127.65.0.0/16', ['several'])
  t.teardown(() => stage.stop())
  const { points, problems } = await stage.kill(900)
  t.same(problems, [], points.join(', '))
})
