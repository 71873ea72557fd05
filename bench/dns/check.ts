import { Resolver } from 'node:dns/promises'
import { SERVICE_PORT, zoneApps } from './zone.ts'

/** What is wrong with a server's answers, one sentence each; empty: it may be measured. */
export async function checkAnswers(port: number): Promise<string[]> {
  const resolver = new Resolver({ timeout: 1_000, tries: 2 })
  resolver.setServers([`127.0.0.1:${port}`])
  const app = zoneApps().at(-1)!
  const dyno = app.dynos[0]!
  const expected = app.dynos.map(({ address }) => address).join()
  const problems: string[] = []
  const see = async (what: string, wanted: string, got: Promise<string>) => {
    const answer = await got.catch((error: NodeJS.ErrnoException) => String(error.code))
    if (answer !== wanted) problems.push(`${what}: ${answer} and not ${wanted}`)
  }
  await see(
    'A of the set',
    expected,
    resolver.resolve4(app.set).then((found) => found.sort().join()),
  )
  await see(
    'A of a dyno',
    dyno.address,
    resolver.resolve4(dyno.name).then((found) => found.join()),
  )
  await see(
    'TXT of a dyno',
    dyno.text,
    resolver.resolveTxt(dyno.name).then((found) => found.flat().join()),
  )
  await see(
    'SRV of the set',
    app.dynos.map(({ name }) => `${name}:${SERVICE_PORT}`).join(),
    resolver.resolveSrv(app.service).then((found) =>
      found
        .map(({ name, port }) => `${name}:${port}`)
        .sort()
        .join(),
    ),
  )
  await see(
    'a name that is none',
    'ENOTFOUND',
    resolver.resolve4(`never.${app.set}`).then((found) => found.join()),
  )
  return problems
}
