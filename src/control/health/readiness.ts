/**
 * What is known of a dyno: `unknown` until checks have told, `passing`, `failing`. Thresholds are in it: one failed check does
 * not make a dyno fail.
 */
export type Health = 'unknown' | 'passing' | 'failing'

/**
 * Which dynos of an app may be claimed: those that pass. When none does, all of them, unless the app wants to fail closed:
 * what they have in common (the check itself, a database behind it) is then more likely broken than each one, and
 * all the traffic on the last one left would end that too.
 * `health` null: the app is not checked.
 */
export function readyIds(
  ids: readonly string[],
  health: ReadonlyMap<string, Health> | null,
  failClosed: boolean,
): ReadonlySet<string> {
  if (health === null) return new Set(ids)
  const passing = ids.filter((id) => health.get(id) === 'passing')
  return new Set(passing.length > 0 || failClosed ? passing : ids)
}
