import { Client } from 'undici'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface AdminAnswer {
  readonly status: number
  readonly etag: string
  readonly text: string
  /** Of text that is JSON. */
  readonly body: never
}

/** Asks an admin API over its socket; `body` goes as JSON. */
export async function askAdmin(
  socketPath: string,
  method: Method,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<AdminAnswer> {
  const client = new Client('http://postern', { socketPath })
  try {
    const answer = await client.request({
      method,
      path,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await answer.body.text()
    return {
      status: answer.statusCode,
      etag: String(answer.headers.etag ?? ''),
      text,
      get body() {
        return JSON.parse(text) as never
      },
    }
  } finally {
    await client.close()
  }
}
