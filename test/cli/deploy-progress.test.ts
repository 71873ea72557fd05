import t from 'tap'
import { barLine, DeployProgress } from '../../src/cli/deploy-progress.ts'
import type { DeployStatus } from '../../src/control/deploys/deploy-status.ts'

const status: DeployStatus = {
  app: 'shop',
  release: 'v8',
  from: 'v7',
  by: 'ci',
  label: '',
  phase: 'replacing',
  underWay: true,
  reason: '',
  pauseAsked: false,
  batch: 2,
  batches: 4,
  batchDynos: ['web.3', 'web.4'],
  moved: 4,
  dynos: 8,
  startedAt: '2026-01-01T00:00:00.000Z',
  since: '2026-01-01T00:00:00.000Z',
}
const batch = { id: 1, at: '', kind: 'batch' as const, step: 'replacing', number: 2, dynos: ['web.3', 'web.4'] }
const gate = { id: 2, at: '', kind: 'gate' as const, batch: 2, passed: false, reason: 'one crashed' }

function progress(isTerminal: boolean) {
  let text = ''
  const shown = new DeployProgress({
    isTerminal,
    columns: 60,
    line: (line) => {
      text += `${line}\n`
    },
    draw: (raw) => {
      text += raw
    },
  })
  return { shown, text: () => text }
}

t.test('the bar has what is done of what there is', async (t) => {
  t.equal(barLine(status), 'shop v7 → v8 [##########..........] 4/8  batch 2 of 4: web.3, web.4 starting')
  t.equal(
    barLine({ ...status, phase: 'rolling-back', batch: 1, batches: 2, moved: 2, batchDynos: ['web.1'] }),
    'shop v7 → v8 [#####...............] 2/8  back, batch 1 of 2: web.1 starting',
  )
  t.equal(
    barLine({ ...status, from: '', batch: 0, moved: 0, dynos: 0, batchDynos: [] }),
    'shop v8 [####################] 0/0  starting',
  )
})

t.test('on a terminal it is one line, drawn again, no wider than the terminal, and gone at the end', async (t) => {
  const { shown, text } = progress(true)
  shown.show(status)
  shown.happened(batch)
  t.equal(text(), `\r\x1b[K${barLine(status).slice(0, 59)}`, 'the bar says what a batch is')
  shown.happened(gate)
  t.ok(text().includes('\r\x1b[Kbatch 2 of 4: gate failed (one crashed)\n\r\x1b[Kshop'), 'news stays above it')
  shown.end()
  t.ok(text().endsWith('\r\x1b[K'))
})

t.test('elsewhere it is a line for each thing that happens', async (t) => {
  const { shown, text } = progress(false)
  shown.show({ ...status, batch: 0, moved: 0 })
  shown.happened(batch)
  shown.show(status)
  shown.happened(gate)
  shown.happened({ id: 3, at: '', kind: 'deploy', phase: 'rolling-back', reason: 'one crashed' })
  shown.end()
  t.same(text().split('\n'), [
    'shop v7 → v8: 8 dynos in 4 batches',
    'batch 2 of 4: web.3, web.4 replaced',
    'batch 2 of 4: gate failed (one crashed)',
    'rolling back: one crashed',
    '',
  ])
})
