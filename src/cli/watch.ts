import type { SpaceEvent } from '../control/events.ts'
import type { AdminOptions } from './admin-client.ts'
import { askRouter, findRouter, refusal, Unreachable } from './admin-client.ts'

/** A control process that is replaced is away for a moment; one that is away for longer than this does not come back. */
const PATIENCE_MS = 60_000
const RETRY_MS = 250

/**
 * What happens in the router, from now on, also when its control process is replaced meanwhile. `null` says that it watches, at first
 * and after every interruption: what was missed then can only be seen in the state itself.
 * @throws Failure
 */
export async function* watchRouter(query: string, options: AdminOptions): AsyncGenerator<SpaceEvent | null> {
  let lastId: string | null = null
  for (;;) {
    const headers: Record<string, string> = lastId === null ? {} : { 'last-event-id': lastId }
    const source = openStream(`/events?${query}`, options, headers)
    try {
      for await (const event of source) {
        if (event !== null) lastId = String(event.id)
        yield event
      }
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
    }
    await patiently(() => askRouter('/healthz', options))
  }
}

/** Tries again while no router answers, for a minute. @throws Failure */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof Unreachable) || waitedMs >= PATIENCE_MS) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

/** One connection, until it ends. */
async function* openStream(
  path: string,
  options: AdminOptions,
  headers: Record<string, string>,
): AsyncGenerator<SpaceEvent | null> {
  const router = await findRouter(options)
  try {
    const { statusCode, body } = await router.client.request({
      method: 'GET',
      path,
      headers: { ...router.authorization, ...headers },
      // Comments come every 15 s.
      bodyTimeout: PATIENCE_MS,
    })
    if (statusCode !== 200) throw refusal(statusCode, await body.text())
    yield null
    yield* readEvents(body)
  } catch (error) {
    throw router.explain(error)
  } finally {
    await router.client.destroy()
  }
}

/** Server-sent events, of which only the data counts here: the rest is in it too. */
export async function* readEvents(chunks: AsyncIterable<Buffer | string>): AsyncGenerator<SpaceEvent> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of chunks) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop()!
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data !== undefined && /^id: /m.test(block)) yield JSON.parse(data) as SpaceEvent
    }
  }
}
