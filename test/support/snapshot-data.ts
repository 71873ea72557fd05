import type { AppEntry, DynoEntry, SnapshotData } from '../../src/model/snapshot.ts'

/** A snapshot with every default; a test says only what it is about. */
export function snapshotData(given: Partial<SnapshotData> = {}): SnapshotData {
  return {
    version: 1,
    space: { name: 'acme', region: 'virginia' },
    insideRanges: ['10.0.0.0/16'],
    trustedIpRanges: null,
    onUntrusted: 'reset',
    trustedProxies: [],
    limits: {
      connections: 50_000,
      connectionsPerAddress: 0,
      requestsPerConnection: 0,
      requestLineBytes: 8192,
      headerLineBytes: 8192,
      headerNameBytes: 1000,
      headerCount: 1000,
      headBytes: 65_536,
      chunkExtensionBytes: 4096,
      trailerBytes: 8192,
      connectAttempts: 10,
      retryBudgetPercent: 20,
      idleConnectionsPerDyno: 256,
      trustedIpRanges: 20,
    },
    timeouts: {
      requestFirstByteMs: 10_000,
      requestHeadMs: 30_000,
      requestBodyMs: 55_000,
      clientKeepAliveMs: 60_000,
      dynoKeepAliveMs: 90_000,
      proxyHeaderMs: 5000,
      bootWaitMs: 75_000,
      quarantineMs: 5000,
    },
    headers: { via: 'postern', forwarded: false, traceparent: false, requestIdToClient: false },
    dynoDrainMs: 30_000,
    apps: [],
    ...given,
  }
}

/** An app; its dynos are up, named `web.1` and on, unless they say otherwise. */
export function appEntry(
  name: string,
  given: Partial<Omit<AppEntry, 'dynos'>> & { readonly dynos?: readonly Partial<DynoEntry>[] } = {},
): AppEntry {
  const dynos = (given.dynos ?? []).map((dyno, index) => dynoEntry(index + 1, dyno))
  return {
    name,
    domains: [`${name}.example.com`],
    internalRouting: false,
    maintenance: false,
    trustedIpRanges: null,
    balance: { algorithm: 'least-in-flight', hashOn: 'client', hashName: '' },
    slowStartMs: 0,
    timeouts: { connectMs: 5000, firstByteMs: 30_000, idleMs: 55_000 },
    maxInFlightPerDyno: 200,
    queue: { limit: 1000, timeoutMs: 30_000 },
    maxBodyBytes: 0,
    expectContinue: 'router',
    formation: { released: true, quantity: Math.max(1, dynos.length), starting: 0, crashed: 0 },
    ...given,
    dynos,
  }
}

function dynoEntry(number: number, given: Partial<DynoEntry>): DynoEntry {
  return {
    id: given.name ?? `web.${number}`,
    name: `web.${number}`,
    address: '127.0.0.1',
    port: 5000 + number,
    az: '',
    release: 'v1',
    draining: false,
    ready: true,
    ...given,
  }
}
