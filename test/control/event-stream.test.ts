import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AdminServer } from '../../src/control/admin/admin-server.ts'
import { MOST_UNREAD_BYTES } from '../../src/control/admin/event-stream.ts'
import { EventLog, KEPT_EVENTS } from '../../src/control/events.ts'
import { scriptedAdmin } from '../support/scripted-admin.ts'

type Tap = { teardown(end: () => unknown): void }

async function open(t: Tap) {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'))
  const socketPath = join(folder, 'postern.sock')
  const events = new EventLog()
  const server = await AdminServer.create(await scriptedAdmin({ events }), '1.2.3')
  await server.listen({ socket: socketPath })
  t.teardown(async () => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  })
  /** Resolves once the router has begun to answer: it watches from then on. */
  const watch = async (path = '/events', headers = {}) => {
    const request = get({ socketPath, path, headers })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let text = ''
    let wake = () => {}
    response.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
      wake()
    })
    response.on('error', () => {}).on('close', () => wake())
    const until = async (pattern: RegExp) => {
      while (!pattern.test(text)) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return text
    }
    t.teardown(() => request.destroy())
    return { response, request, until, ids: () => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)) }
  }
  return { events, server, socketPath, watch }
}

t.test('a watcher is told what happens from then on, as server-sent events', async (t) => {
  const { events, watch } = await open(t)
  events.emit({ kind: 'config' })
  const { response, until, ids } = await watch()
  t.match(response, { statusCode: 200, headers: { 'content-type': 'text/event-stream' } })
  events.emit({ kind: 'maintenance', app: 'shop', maintenance: true })
  const text = await until(/"app":"shop"/)
  const [event] = events.since(0).slice(-1)
  t.match(text, `id: ${event!.id}\nevent: maintenance\ndata: ${JSON.stringify(event)}\n\n`)
  t.same(ids(), [event!.id])
})

t.test('a watcher may want one app, or some kinds', async (t) => {
  const { events, watch } = await open(t)
  const ofShop = await watch('/events?app=shop&kind=deploy,batch')
  events.emit({ kind: 'deploy', app: 'chat' })
  events.emit({ kind: 'dyno', app: 'shop' })
  events.emit({ kind: 'batch', app: 'shop', number: 1 })
  events.emit({ kind: 'deploy', app: 'shop', phase: 'succeeded' })
  await ofShop.until(/succeeded/)
  t.equal(ofShop.ids().length, 2)
})

t.test('who comes again goes on after the last that it has seen, and is told when some are lost', async (t) => {
  const { events, watch } = await open(t)
  for (let count = 0; count < 5; count++) events.emit({ kind: 'config', count })
  const all = events.since(0).map(({ id }) => id)
  const again = await watch('/events', { 'last-event-id': String(all[2]) })
  t.notMatch(await again.until(/"count":4/), /event: lost/)
  t.same(again.ids(), all.slice(3))

  for (let count = 0; count < KEPT_EVENTS; count++) events.emit({ kind: 'config', count })
  const late = await watch('/events', { 'last-event-id': String(all[2]) })
  t.match(await late.until(/"count":999/), /event: lost/)
  t.equal(late.ids().length, KEPT_EVENTS)
  const { response } = await watch('/events', { 'last-event-id': 'yesterday' })
  t.equal(response.statusCode, 422)
})

t.test('a watcher that does not read is cut, and nobody waits for it', async (t) => {
  const { events, socketPath, watch } = await open(t)
  const idle = connect(socketPath)
  idle.write('GET /events HTTP/1.1\r\nHost: postern\r\n\r\n')
  await once(idle, 'data')
  idle.pause()
  const attentive = await watch()
  const filling = 'x'.repeat(64 * 1024)
  // More than the router keeps for it, and what the kernel does.
  for (let count = 0; count < 40 + (4 * MOST_UNREAD_BYTES) / filling.length; count++) {
    events.emit({ kind: 'config', count, filling })
    await attentive.until(new RegExp(`"count":${count},`))
  }
  const ended = new Promise((resolve) => idle.on('error', () => {}).on('close', resolve))
  idle.resume()
  await ended
  events.emit({ kind: 'zone' })
  await attentive.until(/event: zone/)
})

t.test('there are no more watchers than so many', async (t) => {
  const { watch } = await open(t)
  const watchers = await Promise.all(Array.from({ length: 64 }, () => watch()))
  t.ok(watchers.every(({ response }) => response.statusCode === 200))
  const tooMany = await watch()
  t.equal(tooMany.response.statusCode, 503)
  await tooMany.until(/64 watchers are there already/)
  watchers[0]!.request.destroy()
  for (;;) {
    const { response } = await watch()
    if (response.statusCode === 200) break
  }
})

t.test('a router that stops ends its watchers', async (t) => {
  const { server, watch } = await open(t)
  const { response } = await watch()
  const ended = new Promise((resolve) => response.on('close', resolve))
  await server.close()
  await ended
})
