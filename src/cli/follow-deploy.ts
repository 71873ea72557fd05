import type { DeployStatus } from '../control/deploys/deploy-status.ts'
import type { SpaceEvent } from '../control/events.ts'
import type { DeployPhase } from '../control/state/records.ts'
import type { AdminOptions } from './admin-client.ts'
import { askRouter } from './admin-client.ts'
import { Failure } from './command.ts'
import { DeployProgress } from './deploy-progress.ts'
import { patiently, watchRouter } from './watch.ts'

export interface FollowOptions extends AdminOptions {
  /** Shows nothing until it is over. */
  readonly quiet: boolean
  /** Over as well when it is paused. */
  readonly untilPaused: boolean
}

type Ending = Pick<DeployStatus, 'phase' | 'reason'>

/**
 * Begins something with `begin` and stays with the deploy until it is over. Nothing that happens is missed: it watches before it begins.
 * @throws Failure, and what `begin` throws
 */
export async function followDeploy(
  app: string,
  options: FollowOptions,
  begin: () => Promise<DeployStatus>,
): Promise<DeployStatus> {
  const { stdout } = process
  const progress = new DeployProgress({
    isTerminal: stdout.isTTY === true,
    columns: stdout.columns || 80,
    line: (text) => void (options.quiet || console.log(text)),
    draw: (text) => void (options.quiet || stdout.write(text)),
  })
  const events = watchRouter(`app=${encodeURIComponent(app)}&kind=deploy,batch,gate`, options)
  await events.next()
  try {
    let status = await begin()
    progress.show(status)
    let ending = endingOf(status, options)
    while (ending === null) {
      const { value: event } = await events.next()
      if (event) progress.happened(event)
      const now = await patiently(() => statusOf(app, options))
      const isOther = now.release !== status.release
      if (!isOther) status = now
      if (!isOther) progress.show(now)
      // The status may be ahead of events that are still to be shown: only where some were missed it says what is over.
      if (event) ending = event.release === status.release ? endingOf(event, options) : null
      else ending = isOther ? { phase: 'superseded', reason: '' } : endingOf(now, options)
    }
    const { phase, reason } = ending
    return { ...status, phase, reason }
  } finally {
    progress.end()
    await events.return(undefined)
  }
}

export async function statusOf(app: string, options: AdminOptions): Promise<DeployStatus> {
  return (await askRouter(`/apps/${encodeURIComponent(app)}/deploy`, options)) as DeployStatus
}

const ENDS: readonly DeployPhase[] = ['succeeded', 'failed', 'aborted', 'superseded']

/** null: it goes on. */
function endingOf(said: DeployStatus | SpaceEvent, { untilPaused }: FollowOptions): Ending | null {
  const { phase, reason = '' } = said as Partial<Ending>
  if (phase === undefined) return null
  return ENDS.includes(phase) || (untilPaused && phase === 'paused') ? { phase, reason } : null
}

/** Exit code of a deploy that is over, with its last words. @throws Failure when the release does not run */
export function outcome(status: DeployStatus, json: boolean): number {
  const { app, release, from, phase, reason } = status
  if (json) console.log(JSON.stringify(status, null, 2))
  const say = (text: string) => void (json || console.log(text))
  switch (phase) {
    case 'succeeded':
      say(`${release} of ${app} runs`)
      return 0
    case 'paused':
      say(`${release} of ${app} is paused (${reason}): --resume goes on, --abort takes it back`)
      return 0
    case 'superseded':
      throw new Failure(`another deploy took the place of ${release} of ${app}`)
    default:
      throw new Failure(`${release} of ${app} ${phase}${from === '' ? '' : `, and ${from} runs again`}: ${reason}`)
  }
}
