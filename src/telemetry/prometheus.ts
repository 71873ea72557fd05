import type { Blocks } from './counter-dump.ts'
import { LAYOUTS, METRICS } from './metric-table.ts'
import type { MetricDefinition } from './metrics.ts'

/**
 * The cells as Prometheus text (exposition format 0.0.4). Printed here rather than by the client's registry, which takes an
 * object per series: with a thousand apps that is six times the time in which the event loop does nothing else.
 */
export function renderBlocks(blocks: Blocks): string {
  let text = ''
  for (const metric of Object.values(METRICS) as MetricDefinition[]) {
    const offset = LAYOUTS[metric.owner].offset(metric)
    let series = ''
    for (const [name, block] of blocks[metric.owner]) {
      const ownerLabel = metric.owner === 'router' ? '' : `${metric.owner}="${escapeLabel(name)}"`
      series +=
        metric.type === 'histogram'
          ? histogramSeries(metric, ownerLabel, block, offset)
          : plainSeries(metric, ownerLabel, block, offset)
    }
    if (series !== '') text += `# HELP ${metric.name} ${metric.help}.\n# TYPE ${metric.name} ${metric.type}\n${series}`
  }
  return text
}

function plainSeries(metric: MetricDefinition, ownerLabel: string, block: Float64Array, offset: number): string {
  let series = ''
  // Requests that matched no app are counted, but have no dynos, retries and so on.
  const sparse = metric.sparse || ownerLabel === 'app=""'
  let cell = offset
  for (const labels of labelTexts(metric)) {
    const value = block[cell++]!
    if (Number.isNaN(value) || (value === 0 && sparse)) continue
    const both = ownerLabel !== '' && labels !== '' ? `${ownerLabel},${labels}` : ownerLabel + labels
    series += both === '' ? `${metric.name} ${value}\n` : `${metric.name}{${both}} ${value}\n`
  }
  return series
}

function histogramSeries(metric: MetricDefinition, ownerLabel: string, block: Float64Array, offset: number): string {
  const { name, buckets } = metric
  const prefix = ownerLabel === '' ? '' : `${ownerLabel},`
  const labels = ownerLabel === '' ? '' : `{${ownerLabel}}`
  let series = ''
  let count = 0
  for (let bucket = 0; bucket <= buckets.length; bucket++) {
    count += block[offset + bucket]!
    series += `${name}_bucket{${prefix}le="${buckets[bucket] ?? '+Inf'}"} ${count}\n`
  }
  if (count === 0) return ''
  const sum = block[offset + buckets.length + 1]! * metric.scale
  return `${series}${name}_sum${labels} ${sum}\n${name}_count${labels} ${count}\n`
}

/** `status="2xx",code=""` of every combination, in the order of the cells. */
function labelTexts(metric: MetricDefinition): readonly string[] {
  let texts = LABEL_TEXTS.get(metric)
  if (texts === undefined) {
    texts = ['']
    for (const [label, values] of Object.entries(metric.labels)) {
      texts = texts.flatMap((text) => values.map((value) => `${text === '' ? '' : `${text},`}${label}="${value}"`))
    }
    LABEL_TEXTS.set(metric, texts)
  }
  return texts
}
const LABEL_TEXTS = new Map<MetricDefinition, readonly string[]>()

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
