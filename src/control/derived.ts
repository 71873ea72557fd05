/**
 * What is made of an object and something beside it. Of the same two it is the same result, so that those who go on from it see by
 * identity that nothing changed.
 */
export class Derived<From extends object, Beside, Result> {
  readonly #make: (from: From, beside: Beside) => Result
  readonly #last = new WeakMap<From, { readonly beside: Beside; readonly result: Result }>()

  constructor(make: (from: From, beside: Beside) => Result) {
    this.#make = make
  }

  of(from: From, beside: Beside): Result {
    const last = this.#last.get(from)
    if (last !== undefined && last.beside === beside) return last.result
    const result = this.#make(from, beside)
    this.#last.set(from, { beside, result })
    return result
  }
}
