import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { BalancePolicy, TrustedRange } from '../model/snapshot.ts'
import { endpointText } from './addresses.ts'
import type { AppConfig, Config, FormationSource, HealthCheckConfig } from './config.ts'
import type { SpaceFile } from './schema.ts'

type AppFile = SpaceFile['apps'][string]

/**
 * From the shape of the file to the shape that the planes work with. `file`: its absolute path, or '' for an object.
 */
export function normalise(input: SpaceFile, file: string): Config {
  // Relative paths of a file are relative to its folder, those of an object to where the program runs.
  const baseDir = file === '' ? process.cwd() : dirname(file)
  const { limits, timeouts, log, admin, dns } = input
  return {
    file,
    space: input.space,
    listeners: input.listeners.map(({ address, proxyProtocol, ...listener }) => ({
      ...listener,
      ...address,
      proxyProtocol: proxyProtocol ?? null,
    })),
    trustedIpRanges: trustedRanges(input.trustedIpRanges),
    onUntrusted: input.onUntrusted,
    trustedProxies: input.trustedProxies,
    networks: input.networks,
    apps: Object.entries(input.apps).map(([name, app]) => normaliseApp(name, app, baseDir)),
    dns: {
      ...dns.address,
      zone: dns.zone,
      ttlMs: dns.ttl,
      forwarders: dns.forwarders.map(endpointText),
      emptyAfter: dns.emptyAfter,
    },
    admin: {
      ...('socket' in admin.address ? { socket: resolve(baseDir, admin.address.socket) } : admin.address),
      tokens: admin.tokens,
    },
    log: {
      ...log,
      access: log.access === 'stdout' || log.access === 'off' ? log.access : resolve(baseDir, log.access),
    },
    limits: {
      connections: limits.connections,
      connectionsPerAddress: limits.connectionsPerAddress,
      requestsPerConnection: limits.requestsPerConnection,
      requestLineBytes: limits.requestLine,
      headerLineBytes: limits.headerLine,
      headerNameBytes: limits.headerName,
      headerCount: limits.headerCount,
      headBytes: limits.head,
      chunkExtensionBytes: limits.chunkExtension,
      trailerBytes: limits.trailers,
      connectAttempts: limits.connectAttempts,
      retryBudgetPercent: limits.retryBudget,
      idleConnectionsPerDyno: limits.idleConnectionsPerDyno,
      trustedIpRanges: limits.trustedIpRanges,
    },
    timeouts: {
      requestFirstByteMs: timeouts.requestFirstByte,
      requestHeadMs: timeouts.requestHead,
      requestBodyMs: timeouts.requestBody,
      clientKeepAliveMs: timeouts.clientKeepAlive,
      dynoKeepAliveMs: timeouts.dynoKeepAlive,
      proxyHeaderMs: timeouts.proxyHeader,
      bootWaitMs: timeouts.bootWait,
      quarantineMs: timeouts.quarantine,
    },
    headers: input.headers,
    shutdown: {
      noticeMs: input.shutdown.notice,
      drainMs: input.shutdown.drain,
      tunnelsMs: input.shutdown.tunnels,
      dynoGraceMs: input.shutdown.dynoGrace,
    },
    state: stateFolder(input.state, file, baseDir),
    deploy: {
      batchPercent: input.deploy.batch,
      drainTimeoutMs: input.deploy.drainTimeout,
      bootTimeoutMs: input.deploy.bootTimeout,
      shutdownGraceMs: input.deploy.shutdownGrace,
      holdMs: input.deploy.hold,
      maxErrorRateIncreasePercent: input.deploy.maxErrorRateIncrease,
      maxP95IncreasePercent: input.deploy.maxP95Increase,
      minRequests: input.deploy.minRequests,
      keepReleases: input.deploy.keepReleases,
    },
    workers: input.workers === 'auto' ? availableParallelism() : input.workers,
  }
}

/** A program that gives an object has to say where, if what it does is to last. */
function stateFolder(written: string | undefined, file: string, baseDir: string): string | null {
  if (written === undefined && file === '') return null
  return resolve(baseDir, written ?? 'state')
}

function normaliseApp(name: string, app: AppFile, baseDir: string): AppConfig {
  return {
    name,
    domains: app.domains,
    internalRouting: app.internalRouting,
    maintenance: app.maintenance ?? null,
    trustedIpRanges: trustedRanges(app.trustedIpRanges),
    balance: balancePolicy(app.balance),
    healthCheck: healthCheck(app.healthCheck),
    slowStartMs: app.slowStart,
    timeouts: {
      connectMs: app.timeouts.connect,
      firstByteMs: app.timeouts.firstByte,
      idleMs: app.timeouts.idle,
    },
    maxInFlightPerDyno: app.maxInFlightPerDyno,
    queue: { limit: app.queue.limit, timeoutMs: app.queue.timeout },
    maxBodyBytes: app.maxBodySize,
    expectContinue: app.expectContinue,
    env: app.env,
    formation: Object.entries(app.formation).map(([processType, type]) => ({
      processType,
      source: formationSource(type, baseDir),
    })),
  }
}

function trustedRanges(ranges: SpaceFile['trustedIpRanges']): TrustedRange[] | null {
  if (ranges === undefined) return null
  return ranges.map((range) => {
    if (typeof range === 'string') return { cidr: range, action: 'allow', label: '' }
    return { cidr: range.cidr, action: range.action, label: range.label ?? '' }
  })
}

function balancePolicy(balance: AppFile['balance']): BalancePolicy {
  const { algorithm, on } = typeof balance === 'string' ? { algorithm: balance } : balance
  return { algorithm, hashOn: on?.hashOn ?? 'client', hashName: on?.hashName ?? '' }
}

function healthCheck(check: AppFile['healthCheck']): HealthCheckConfig | null {
  if (check === undefined) return null
  const { path, status, interval, timeout, unhealthyAfter, healthyAfter, failClosed } = check
  return {
    path,
    statusFrom: status.from,
    statusTo: status.to,
    intervalMs: interval,
    timeoutMs: timeout,
    unhealthyAfter,
    healthyAfter,
    failClosed,
  }
}

/** Of a process type that passed the check for exactly one source. */
function formationSource(type: AppFile['formation'][string], baseDir: string): FormationSource {
  if (type.command !== undefined) {
    const cwd = resolve(baseDir, type.cwd)
    return { kind: 'command', quantity: type.quantity ?? null, command: type.command, cwd, exec: null }
  }
  if (type.exec !== undefined) {
    const { start, stop, status = '' } = type.exec
    const cwd = resolve(baseDir, type.cwd)
    return { kind: 'command', quantity: type.quantity ?? null, command: start, cwd, exec: { stop, status } }
  }
  if (type.registered !== undefined) return { kind: 'registered', ttlMs: type.registered.ttl }
  if (type.dynos !== undefined) {
    const dynos = type.dynos.map(({ address: { host, port }, az }) => ({ address: host, port, az: az ?? '' }))
    return { kind: 'dynos', dynos }
  }
  if (type.dns === undefined) throw new Error('a process type has no source')
  const { name, server, port } = type.dns
  return { kind: 'dns', name, host: server.host, port: server.port, servicePort: port ?? null }
}
