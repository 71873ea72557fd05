import type { DynoObservation } from '../model/dyno-observation.ts'
import type { SnapshotData } from '../model/snapshot.ts'

/** What the control plane needs of the data plane, which may be in other processes. */
export interface DataPlanePort {
  /** Takes a snapshot into use. */
  apply(data: SnapshotData): void
  /**
   * Requests and tunnels that are in flight on the dyno, also when it is no longer in the snapshot; 0 when there are
   * none. More than 0 as long as there may be some that nobody has counted yet: until every worker has confirmed the
   * snapshot that marks the dyno draining.
   */
  inFlight(dynoId: string): number
  /**
   * What the requests of the dyno came to since this control plane began to count: two looks and the difference between
   * them tell how it did meanwhile. null once no snapshot has the dyno any more. In many processes a second behind.
   */
  observed(dynoId: string): DynoObservation | null
}
