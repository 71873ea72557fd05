import { statSync } from 'node:fs'
import { collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client'

let processRegistry: Registry | null = null

/**
 * Node's and the process' own metrics, event-loop delay included, from the first call on. One registry per process, since that is what it
 * describes. Not for workers: to gather them, above all to watch the garbage collector, costs 3 % of their time, and nobody asks there.
 */
export function processMetrics(): Registry {
  if (processRegistry !== null) return processRegistry
  const registry = new Registry()
  collectDefaultMetrics({
    register: registry,
    gcDurationBuckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1],
    // Ten and a hundred times a second else: most of what a router with nothing to do would do.
    eventLoopUtilizationTimeout: 1000,
    eventLoopMonitoringPrecision: 50,
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
