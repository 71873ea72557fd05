import { statSync } from 'node:fs'
import { collectDefaultMetrics, Gauge, prometheusContentType, Registry } from '@prometheus-io/client'
import type { Blocks } from './counter-dump.ts'
import { LAYOUTS, METRICS } from './metric-table.ts'
import type { MetricDefinition } from './metrics.ts'

/** Content-Type of an exposition. */
export const EXPOSITION_TYPE: string = prometheusContentType

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

let processRegistry: Registry | null = null

/** Node's and the process' own metrics, event-loop delay included. One registry per process, since that is what it describes. */
export function processMetrics(): Registry {
  if (processRegistry !== null) return processRegistry
  const registry = new Registry()
  collectDefaultMetrics({
    register: registry,
    gcDurationBuckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1],
  })
  for (const name of SLOW_WITH_MANY_CONNECTIONS) registry.removeSingleMetric(name)
  new Gauge({
    name: 'process_open_fds',
    help: 'Open file descriptors.',
    registers: [registry],
    collect: setOpenDescriptors,
  })
  processRegistry = registry
  return registry
}

/** These list every handle or descriptor of the process: 40 ms and more at 10,000 connections, while requests wait. */
const SLOW_WITH_MANY_CONNECTIONS = [
  'process_open_fds',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  // The same observations are in the histogram, which is cheaper to read and can be added up.
  'nodejs_eventloop_utilization_summary',
]

/** Linux 6.2 and later give the number of descriptors as the size of the directory that lists them; without it there is no such series. */
function setOpenDescriptors(this: Gauge): void {
  const size = statSync('/proc/self/fd', { throwIfNoEntry: false })?.size ?? 0
  if (size > 0) this.set(size)
  else this.remove()
}
