import { LAYOUTS } from './metric-table.ts'
import type { Owner } from './metrics.ts'

/** The cells of everything that is counted, by owner and name; the router has one block, named ''. */
export type Blocks = Readonly<Record<Owner, Map<string, Float64Array>>>

/**
 * What one process counted, as plain data that can go to another one, also as JSON.
 * Valid between processes that run the same version of the table.
 */
export interface CounterDump {
  /** Cells per block, which differ when the table does. */
  readonly layout: readonly number[]
  /** Only the cells that hold something: index and value in turn. */
  readonly blocks: readonly (readonly [owner: Owner, name: string, cells: readonly number[]])[]
}

const OWNERS: readonly Owner[] = ['router', 'app', 'listener', 'worker']
const LAYOUT = OWNERS.map((owner) => LAYOUTS[owner].size)

export function emptyBlocks(): Blocks {
  return { router: new Map(), app: new Map(), listener: new Map(), worker: new Map() }
}

export function dumpBlocks(blocks: Blocks): CounterDump {
  return runToEnd(dumpInSteps(blocks))
}

/** The same in steps of one block, between which something else may be done. */
export function* dumpInSteps(blocks: Blocks): Generator<void, CounterDump> {
  const dumped: [Owner, string, number[]][] = []
  for (const owner of OWNERS) {
    for (const [name, block] of blocks[owner]) {
      dumped.push([owner, name, LAYOUTS[owner].usedCells(block)])
      yield
    }
  }
  return { layout: LAYOUT, blocks: dumped }
}

/** All steps at once. */
export function runToEnd<T>(steps: Generator<void, T>): T {
  let step = steps.next()
  while (!step.done) step = steps.next()
  return step.value
}

/** Throws a TypeError when a dump is of another version of the table. */
export function blocksOf(dumps: Iterable<CounterDump>): Blocks {
  const sum = emptyBlocks()
  for (const dump of dumps) {
    if (dump.layout.length !== LAYOUT.length || dump.layout.some((size, index) => size !== LAYOUT[index])) {
      throw new TypeError(`counters of another version: blocks of ${dump.layout} cells instead of ${LAYOUT}`)
    }
    for (const [owner, name, cells] of dump.blocks) {
      let block = sum[owner].get(name)
      if (block === undefined) {
        block = LAYOUTS[owner].newBlock()
        sum[owner].set(name, block)
      }
      LAYOUTS[owner].merge(block, cells)
    }
  }
  return sum
}

/**
 * Adds up what several processes counted. Counters and histograms are summed; a gauge as its row in the table says.
 * Throws a TypeError when a dump is of another version of the table.
 */
export function mergeCounters(dumps: Iterable<CounterDump>): CounterDump {
  return dumpBlocks(blocksOf(dumps))
}

/** What stays of a process that has ended: what it counted, not what it held. So the sums of its successors never fall. */
export function retireCounters(dump: CounterDump): CounterDump {
  const blocks = blocksOf([dump])
  for (const owner of OWNERS) {
    for (const block of blocks[owner].values()) LAYOUTS[owner].clearGauges(block)
  }
  return dumpBlocks(blocks)
}
