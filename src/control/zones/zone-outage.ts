/** A dyno of a zone, as far as it tells how the zone is. */
export interface ZoneWitness {
  readonly app: string
  readonly az: string
  /** Since when it is crashed or failing, Unix milliseconds; null: it is well. */
  readonly failedSinceMs: number | null
}

/** Fewer dynos than this are no proof. */
const FEWEST_DYNOS = 2
/** They fail together when their failures began within this of each other: health checks take a while to tell. */
const TOGETHER_MS = 30_000

/**
 * Whether a zone as a whole has gone, by its dynos: all of them failed together, and the other dynos of the same apps are well in
 * the other zones. So a release that crashes, which does so everywhere, is no outage.
 * Returns how many dynos say so; 0: it has not.
 */
export function outageOf(zone: string, witnesses: readonly ZoneWitness[]): number {
  const inZone = witnesses.filter(({ az }) => az === zone)
  if (inZone.length < FEWEST_DYNOS) return 0
  const times: number[] = []
  for (const { failedSinceMs } of inZone) {
    if (failedSinceMs === null) return 0
    times.push(failedSinceMs)
  }
  if (Math.max(...times) - Math.min(...times) > TOGETHER_MS) return 0
  const apps = new Set(inZone.map(({ app }) => app))
  const elsewhere = witnesses.filter(({ app, az }) => az !== zone && apps.has(app))
  const areWell = elsewhere.length > 0 && elsewhere.every(({ failedSinceMs }) => failedSinceMs === null)
  return areWell ? inZone.length : 0
}

/**
 * The next dyno to move so that a formation is spread over the zones again: one of the fullest zone, as long as the emptiest has at
 * least two fewer. `dynos`: zone by number. null: they are spread.
 */
export function nextMove(
  dynos: ReadonlyMap<number, string>,
  zones: readonly string[],
): { readonly number: number; readonly to: readonly string[] } | null {
  const counts = new Map(zones.map((zone) => [zone, 0]))
  for (const zone of dynos.values()) counts.set(zone, (counts.get(zone) ?? 0) + 1)
  const least = Math.min(...zones.map((zone) => counts.get(zone)!))
  const most = Math.max(...counts.values())
  if (most - least < 2) return null
  // The highest number: those below it stay as long as they can.
  const fullest = [...dynos].filter(([, zone]) => counts.get(zone) === most)
  const number = Math.max(...fullest.map(([number]) => number))
  return { number, to: zones.filter((zone) => counts.get(zone) === least) }
}
