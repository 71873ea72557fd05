import type { Figure } from './statistics.ts'

/** `41,200 ±2%`; a single round has no spread. */
export function withSpread({ median, rounds, spread }: Figure, format: (value: number) => string): string {
  return rounds > 1 ? `${format(median)} ±${Math.round(spread * 100)}%` : format(median)
}

export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`
}

export function duration(us: number): string {
  return us < 10_000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(1)} ms`
}

/** Names to the left, figures to the right. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]! + 2)))
      .join('')
      .trimEnd(),
  )
}
