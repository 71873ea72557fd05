/** Of which process the environment is. */
export interface Identity {
  readonly app: string
  readonly processType: string
  readonly number: number
  readonly release: string
  readonly address: string
  readonly port: number
}

/**
 * What the environment of every dyno says of it, in Heroku's names (Dev Center, "DNS Service Discovery" and "Dyno
 * Metadata"), over what the configuration sets: a program must be able to believe its own address.
 */
export function dynoEnvironment(
  dyno: Identity,
  zone: string,
  configured: Readonly<Record<string, string>>,
): Record<string, string> {
  const app = `${dyno.app}.${zone}`
  return {
    ...configured,
    PORT: String(dyno.port),
    DYNO: `${dyno.processType}.${dyno.number}`,
    HEROKU_APP_NAME: dyno.app,
    HEROKU_RELEASE_VERSION: dyno.release,
    HEROKU_PRIVATE_IP: dyno.address,
    HEROKU_DNS_APP_NAME: app,
    HEROKU_DNS_FORMATION_NAME: `${dyno.processType}.${app}`,
    HEROKU_DNS_DYNO_NAME: `${dyno.number}.${dyno.processType}.${app}`,
  }
}
