import type { SnapshotData } from '../model/snapshot.ts'
import type { Instance, Launch } from './runtimes/runtime.ts'

/**
 * What a control plane that ended without a stop leaves to the next one: the data plane still serves by its last snapshot, and
 * its dynos run on.
 */
export interface Inheritance {
  readonly snapshot: SnapshotData
  readonly instances: readonly RunningInstance[]
}

/** A program that runs, and what it was started with. */
export interface RunningInstance {
  readonly launch: Launch
  readonly instance: Instance
  /** It was asked to end. */
  readonly stopping: boolean
}
