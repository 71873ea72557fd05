import { ALL_BAD_RELEASES, tryBadReleases } from '../support/bad-releases.ts'

/**
 * Five releases with something wrong, each brought to an app of four dynos under load: one that does not boot, one that fails its health check, one that
 * answers 500 to a fifth, one whose p95 trebles, one that crashes after 5 s.
 *
 *   node test/soak/bad-releases.ts
 *
 * Exit code 0: each stopped at the first batch, said why, and was rolled back without a failed request beyond those that its own dynos answered.
 */
let failed = false
for (const { bad, phase, reason, reasonFits, batches, dynos, requests, failures } of await tryBadReleases(
  ALL_BAD_RELEASES,
  '127.63.0.0/16',
)) {
  const isBack = dynos.length === 4 && dynos.every((dyno) => dyno.endsWith(' v1 up'))
  const good = phase === 'failed' && reasonFits && batches === 1 && isBack && failures.length === 0
  failed ||= !good
  const harm = failures.length === 0 ? 'no other request failed' : [...new Set(failures)].slice(0, 3).join(' | ')
  console.log(
    `${good ? 'ok    ' : 'NOT OK'} ${bad}: ${phase} in batch ${batches}: ${reason}; ${requests} requests, ${harm}`,
  )
}
process.exit(failed ? 1 : 0)
