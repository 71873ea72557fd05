import t from 'tap'
import { tryBadReleases } from '../support/bad-releases.ts'

// The promise: a bad release stops at the first batch, the deploy says why, and is rolled back; its own dynos are all that it costs.
// `node test/soak/bad-releases.ts` tries more kinds of them.

t.test('a release that answers 500 to a fifth', { timeout: 300_000 }, async (t) => {
  for (const trial of await tryBadReleases(['errors'], '127.66.0.0/16')) {
    const { bad, phase, reason, reasonFits, batches, failures } = trial
    t.same({ phase, reasonFits, batches }, { phase: 'failed', reasonFits: true, batches: 1 }, `${bad}: ${reason}`)
    t.same(failures, [], 'no request failed but those that its own dynos answered')
    t.same(trial.dynos, ['web.1 v1 up', 'web.2 v1 up', 'web.3 v1 up', 'web.4 v1 up'])
  }
})
