import type { DeployStatus } from '../control/deploys/deploy-status.ts'
import type { SpaceEvent } from '../control/events.ts'

const CLEAR_LINE = '\r\x1b[K'
const BAR_CELLS = 20

/** Where the words of a deploy go: `isTerminal` says whether a line may be written again and again. */
export interface Screen {
  readonly isTerminal: boolean
  readonly columns: number
  /** A line that stays. */
  line(text: string): void
  /** On a terminal: as it is. */
  draw(text: string): void
}

/** Shows how a deploy goes: a bar on a terminal, else a line for each thing that happens. */
export class DeployProgress {
  readonly #screen: Screen
  #status: DeployStatus | null = null

  constructor(screen: Screen) {
    this.#screen = screen
  }

  show(status: DeployStatus): void {
    const isFirst = this.#status === null
    this.#status = status
    if (this.#screen.isTerminal) this.#draw()
    else if (isFirst) this.#screen.line(beginning(status))
  }

  happened(event: SpaceEvent): void {
    const line = eventLine(event, this.#status)
    if (line === '') return
    // On a terminal the bar shows the rest; what is lasting news goes above it.
    if (this.#screen.isTerminal && event.kind === 'batch') return
    if (this.#screen.isTerminal) this.#screen.draw(CLEAR_LINE)
    this.#screen.line(line)
    if (this.#screen.isTerminal && this.#status) this.#draw()
  }

  /** What is left on the screen is whole. */
  end(): void {
    if (this.#screen.isTerminal) this.#screen.draw(CLEAR_LINE)
  }

  #draw(): void {
    this.#screen.draw(CLEAR_LINE + barLine(this.#status!).slice(0, this.#screen.columns - 1))
  }
}

/** `shop v7 → v8 [##########..........] 4/8  batch 2 of 4: web.3, web.4 starting` */
export function barLine(status: DeployStatus): string {
  const { app, from, release, moved, dynos, phase, batch, batches, batchDynos } = status
  const filled = dynos === 0 ? BAR_CELLS : Math.round((BAR_CELLS * moved) / dynos)
  const bar = '#'.repeat(filled) + '.'.repeat(BAR_CELLS - filled)
  const isBack = phase === 'rolling-back'
  const where = batch === 0 ? '' : `  ${isBack ? 'back, ' : ''}batch ${batch} of ${batches}: `
  const what = PHASE_WORDS[phase] ?? phase
  return `${app} ${arrow(from, release)} [${bar}] ${moved}/${dynos}${where || '  '}${[batchDynos.join(', '), what].filter(Boolean).join(' ')}`
}

const PHASE_WORDS: Readonly<Record<string, string>> = {
  replacing: 'starting',
  watching: 'watched',
  'rolling-back': 'starting',
  paused: 'paused',
}

function beginning({ app, from, release, dynos, batches }: DeployStatus): string {
  const many = (count: number, one: string, more: string) => `${count} ${count === 1 ? one : more}`
  return `${app} ${arrow(from, release)}: ${many(dynos, 'dyno', 'dynos')} in ${many(batches, 'batch', 'batches')}`
}

function arrow(from: string, release: string): string {
  return from === '' ? release : `${from} → ${release}`
}

/** What people want to know of an event; '' nothing. */
export function eventLine(event: SpaceEvent, status: DeployStatus | null): string {
  const { kind, number, step, dynos, passed, reason, phase, batch } = event as Record<string, unknown>
  const of = status === null || phase === 'rolling-back' || step === 'rolling-back' ? '' : ` of ${status.batches}`
  switch (kind) {
    case 'batch': {
      const words = { replacing: 'replaced', up: 'up, and watched', 'rolling-back': 'replaced by the release before' }
      return `batch ${number}${of}: ${(dynos as string[]).join(', ')} ${words[step as keyof typeof words] ?? step}`
    }
    case 'gate': {
      const verdict = passed ? 'passed' : 'failed'
      return `batch ${batch}${of}: gate ${verdict}${reason === '' ? '' : ` (${reason})`}`
    }
    case 'deploy':
      if (phase === 'rolling-back') return `rolling back: ${reason}`
      return phase === 'paused' ? `paused: ${reason}` : ''
    default:
      return ''
  }
}
