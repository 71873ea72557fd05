import { join } from 'node:path'
import { Client } from 'undici'
import type { SpaceEvent } from '../../src/control/events.ts'
import type { RouterProcess } from './router-process.ts'

/** What a router tells, from now until it is closed or the control process ends. */
export class EventWatch {
  readonly events: SpaceEvent[] = []
  readonly #client: Client

  private constructor(client: Client) {
    this.#client = client
  }

  static async open({ directory }: RouterProcess): Promise<EventWatch> {
    const socketPath = join(directory, 'admin.sock')
    const watch = new EventWatch(new Client('http://postern', { socketPath, bodyTimeout: 0 }))
    const { body } = await watch.#client.request({ path: '/events', method: 'GET' })
    void watch.#read(body).catch(() => {})
    return watch
  }

  async close(): Promise<void> {
    await this.#client.destroy()
  }

  async #read(body: AsyncIterable<Buffer>): Promise<void> {
    let text = ''
    for await (const chunk of body) {
      text += chunk.toString('utf8')
      const whole = text.split('\n\n')
      text = whole.pop()!
      for (const block of whole) {
        const data = /^data: (.*)$/m.exec(block)
        if (data) this.events.push(JSON.parse(data[1]!))
      }
    }
  }
}
