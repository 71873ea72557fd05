import { seededRandom } from '../support/seeded-random.ts'

/** All choices of one case: the same for the same seed and case number, whatever ran before it. */
export class Dice {
  readonly #random: () => number

  constructor(seed: number, index: number) {
    this.#random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b))
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  /** Both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  chance(part: number): boolean {
    return this.#random() < part
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  text(characters: string, least: number, most: number): string {
    let text = ''
    for (let left = this.between(least, most); left > 0; left--) text += characters[this.below(characters.length)]!
    return text
  }

  /** Any bytes, one character each. */
  binary(length: number): string {
    let text = ''
    for (let left = length; left > 0; left--) text += String.fromCharCode(this.below(256))
    return text
  }

  /** A number for another source of chance. */
  seed(): number {
    return this.below(2 ** 31)
  }
}
