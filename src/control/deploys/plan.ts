/** Dynos of one process type that are replaced together. */
export interface BatchPart {
  readonly processType: string
  /** Of `web.3`, the 3. */
  readonly numbers: readonly number[]
  /** The new dyno before the old one ends: where a batch is all that there is, none of it can be missed. */
  readonly startFirst: boolean
}

/** One step of a deploy: parts of different process types are replaced at the same time. Never without a dyno. */
export type Batch = readonly BatchPart[]

/** The dynos of a process type that are to be replaced. */
export interface Stock {
  readonly processType: string
  /** How many dynos it has, those that need no replacement too. */
  readonly quantity: number
  /** In the order in which they are to be replaced. */
  readonly numbers: readonly number[]
}

export interface PlanOptions {
  /** Percent of a process type's dynos that may be in one batch; rounded up, at least one dyno. */
  readonly batchPercent: number
  /** Start first, always. */
  readonly surge: boolean
  /** The first batch is so many dynos of `web`, or of the first process type where there is no `web`; 0: like the others. */
  readonly canary: number
}

/** How many dynos of so many may be replaced together: 25 % of 8 are 2, of 9 are 3, of 1 is 1. */
export function batchSize(quantity: number, batchPercent: number): number {
  return Math.max(1, Math.ceil((quantity * batchPercent) / 100))
}

/** From dynos to batches, to be replaced one after the other: while one is, all other dynos serve. */
export function planBatches(stocks: readonly Stock[], options: PlanOptions): Batch[] {
  const queues = stocks
    .filter(({ numbers }) => numbers.length > 0)
    .map((stock) => ({ ...stock, left: [...stock.numbers] }))
  const batches: Batch[] = []
  const part = ({ processType, quantity, left }: (typeof queues)[number], most: number): BatchPart => {
    const size = batchSize(quantity, options.batchPercent)
    const numbers = left.splice(0, Math.min(size, most))
    return { processType, numbers, startFirst: options.surge || size >= quantity }
  }
  const first = queues.find(({ processType }) => processType === 'web') ?? queues[0]
  if (options.canary > 0 && first !== undefined) batches.push([part(first, options.canary)])
  while (queues.some(({ left }) => left.length > 0)) {
    batches.push(queues.filter(({ left }) => left.length > 0).map((queue) => part(queue, Number.POSITIVE_INFINITY)))
  }
  return batches
}
