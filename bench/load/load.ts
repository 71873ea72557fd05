/** What to ask, by how many, for how long. Every load generator is a program of its own: its CPU time is not the benchmark's. */
export interface Load {
  readonly port: number
  /** Value of Host. */
  readonly host: string
  readonly path: string
  /** Empty: GET. Else POST with a body of this many bytes. */
  readonly uploadBytes: number
  readonly connections: number
  readonly durationMs: number
  /** A new connection for each request, `Connection: close` on it. */
  readonly newConnections: boolean
}

export interface LoadOutcome {
  readonly requests: number
  /** Received from the contender, heads included. */
  readonly bytes: number
  readonly seconds: number
  readonly latencyUs: Latency
  /** Empty when every request got a 2xx; otherwise what went wrong, each with its count. */
  readonly errors: readonly string[]
}

export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface LoadGenerator {
  readonly name: string
  version(): string
  /** null: usable here; else how to install it. */
  missing(): string | null
  supports(load: Pick<Load, 'uploadBytes' | 'newConnections'>): boolean
  /** The command that runs this load; `directory` is for files that it needs. */
  command(load: Load, directory: string): [command: string, args: string[]]
  /** Makes sense of what the command printed (and left in `directory`). */
  read(printed: string, load: Load, directory: string): LoadOutcome
}

/** `{ connect: 0, timeout: 3 }` → `['3 × timeout']` */
export function namedErrors(counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} × ${name}`)
}
