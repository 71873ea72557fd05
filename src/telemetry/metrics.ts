/**
 * Counters, gauges and histograms as cells of one typed array per owner (the router, an app, a listener, a worker).
 * What a metric looks like is described once, in a table; where its cells are follows from the table. So counting is an
 * array increment, and dumping, adding up and printing are loops over the table that know no metric by name.
 */

export type Owner = 'router' | 'app' | 'listener' | 'worker'

export interface MetricDefinition {
  /** As Prometheus sees it: base unit and `_total` included. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** Whose cells they are; an app, a listener or a worker is also the first label. */
  readonly owner: Owner
  /** Further labels and every value that they can have: closed sets, so the number of series is known beforehand. */
  readonly labels: Readonly<Record<string, readonly string[]>>
  /** Upper bounds of a histogram, ascending, in the unit of the name; empty for other types. */
  readonly buckets: readonly number[]
  /** What one observed unit is in the unit of the name: 0.001 when milliseconds are observed and seconds are shown. */
  readonly scale: number
  /** How the values of several processes become one. */
  readonly merge: 'sum' | 'min' | 'max'
  /** Series that are still zero are left out: for label sets of which most combinations never happen. */
  readonly sparse: boolean
}

/** Where the cells of every metric of one owner are. */
export class BlockLayout {
  readonly definitions: readonly MetricDefinition[]
  readonly size: number
  readonly #offsets = new Map<string, number>()
  readonly #definitionOfCell: MetricDefinition[] = []
  readonly #empty: Float64Array
  readonly #gauges: readonly number[]

  constructor(definitions: readonly MetricDefinition[]) {
    this.definitions = definitions
    for (const definition of definitions) {
      this.#offsets.set(definition.name, this.#definitionOfCell.length)
      for (let cell = cellCount(definition); cell > 0; cell--) this.#definitionOfCell.push(definition)
    }
    this.size = this.#definitionOfCell.length
    // NaN in a gauge means that nobody has told its value: there is no such series.
    this.#empty = Float64Array.from(this.#definitionOfCell, ({ type }) => (type === 'gauge' ? Number.NaN : 0))
    this.#gauges = [...this.#empty.keys()].filter((cell) => Number.isNaN(this.#empty[cell]))
  }

  /** Index of the metric's first cell. Labels are laid out row by row: the last one varies fastest. */
  offset(definition: MetricDefinition): number {
    const offset = this.#offsets.get(definition.name)
    if (offset === undefined) throw new TypeError(`${definition.name} has no cells here`)
    return offset
  }

  newBlock(): Float64Array {
    return this.#empty.slice()
  }

  clearGauges(block: Float64Array): void {
    for (const cell of this.#gauges) block[cell] = Number.NaN
  }

  /** The cells that differ from those of a new block: index and value in turn. */
  usedCells(block: Float64Array): number[] {
    const used: number[] = []
    for (let cell = 0; cell < block.length; cell++) {
      if (!Object.is(block[cell], this.#empty[cell])) used.push(cell, block[cell]!)
    }
    return used
  }

  /** Adds used cells (of another process) to a block, as each metric says. */
  merge(block: Float64Array, used: readonly number[]): void {
    for (let index = 0; index < used.length; index += 2) {
      const cell = used[index]!
      const value = used[index + 1]!
      const before = block[cell]!
      const { merge } = this.#definitionOfCell[cell]!
      if (Number.isNaN(before)) block[cell] = value
      else if (merge === 'sum') block[cell] = before + value
      else block[cell] = merge === 'min' ? Math.min(before, value) : Math.max(before, value)
    }
  }
}

/** A histogram has a cell per bucket, one for what is over the last bound, and one for the sum. */
function cellCount(definition: MetricDefinition): number {
  if (definition.type === 'histogram') return definition.buckets.length + 2
  return Object.values(definition.labels).reduce((product, values) => product * values.length, 1)
}

/** A histogram's bounds in the unit that is observed, for `observe`. */
export function observedBounds(definition: MetricDefinition): Float64Array {
  return Float64Array.from(definition.buckets, (bound) => bound / definition.scale)
}

/** Counts one value. A bound belongs to its bucket (`le`). Bounds are few and small values common: a scan beats a search. */
export function observe(cells: Float64Array, offset: number, bounds: Float64Array, value: number): void {
  const last = bounds.length
  let bucket = 0
  while (bucket < last && value > bounds[bucket]!) bucket++
  cells[offset + bucket]! += 1
  cells[offset + last + 1]! += value
}

/** Position of each value in a closed set, for labels that arrive as text. */
export function positions(values: readonly string[]): ReadonlyMap<string, number> {
  return new Map(values.map((value, index) => [value, index]))
}
