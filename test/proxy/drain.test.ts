import t from 'tap'
import { type DynoConnection, OK } from '../support/scripted-dyno.ts'
import { GET, openStage, request } from '../support/stage.ts'

// The promise: a router that stops lets go who rests, and serves what is under way, be it a request or the beginning of one, with the word that it was the last.

/** Whoever was just served may be sending the next request at this moment. */
const REST_MS = 1000

/** Answers at once, but not what is posted. */
function answeringGets(connection: DynoConnection): void {
  connection.socket.on('data', () => {
    if (connection.text.startsWith('POST') || !connection.text.endsWith('\r\n\r\n')) return
    connection.received = Buffer.alloc(0)
    connection.send(OK)
  })
}

t.test('a router that stops ends the connections that rest, and serves what is under way', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', script: answeringGets })
  const [heading, posting, resting] = [await router.client(), await router.client(), await router.client()]
  for (const client of [heading, resting]) t.equal((await client.get()).status, 200)
  heading.send(GET.slice(0, -2))
  posting.send(request('POST', 'Content-Length: 2\r\n', 'ab'))
  const connection = await dyno.connection()
  await connection.until('ab')

  const stopped = router.plane.stop(60_000)
  await router.pass(REST_MS)
  t.equal(await resting.ended(), 'end')
  heading.send('\r\n')
  connection.send(OK)
  for (const client of [heading, posting]) {
    const answer = await client.answer()
    t.equal(answer.status, 200)
    t.strictSame(answer.headers.get('connection'), ['close'])
    t.equal(await client.ended(), 'end')
  }
  await stopped
})
