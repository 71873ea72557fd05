/** Why what was asked for is not done; the admin API makes a status of it. */
export type RefusalId =
  | 'not_found'
  | 'conflict'
  | 'invalid_params'
  | 'unavailable'
  | 'precondition_required'
  | 'precondition_failed'

const STATUSES: Readonly<Record<RefusalId, number>> = {
  not_found: 404,
  conflict: 409,
  // RFC 9110 §13.1.1 and RFC 6585 §3: a change that may overwrite another one says what it was made from.
  precondition_failed: 412,
  invalid_params: 422,
  precondition_required: 428,
  unavailable: 503,
}

/** What an operator asked for cannot be done; nothing was changed. The message is one line for them. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly id: RefusalId

  constructor(id: RefusalId, message: string) {
    super(message)
    this.id = id
  }

  /** Of the HTTP answer. */
  get status(): number {
    return STATUSES[this.id]
  }
}
