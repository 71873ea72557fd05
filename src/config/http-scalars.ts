import type * as z from 'zod'
import { quote, type Reading, textScalar } from './scalars.ts'

/** The target of a request to a dyno: a path, perhaps with a query. */
export function requestPath(): z.ZodType<string, string> {
  const pattern = /^\/[!-"$-~]{0,2047}$/
  const kind = { name: 'path', expects: 'a path such as /up', json: { type: 'string', pattern: pattern.source } }
  return textScalar(kind, (text): Reading<string> => {
    if (pattern.test(text)) return { value: text }
    return { wrong: `${quote(text)} is not the path of a request; write one such as /up, in visible ASCII without #` }
  })
}

/** `200` or `200-399`. */
export function statusRange(): z.ZodType<{ readonly from: number; readonly to: number }, string> {
  const pattern = /^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$/
  const kind = {
    name: 'status, or two with - between them',
    expects: 'statuses such as 200-399',
    json: { type: 'string', pattern: pattern.source },
  }
  return textScalar(kind, (text): Reading<{ from: number; to: number }> => {
    const [, from, to = from] = pattern.exec(text) ?? []
    if (from !== undefined && Number(from) <= Number(to)) return { value: { from: Number(from), to: Number(to) } }
    return { wrong: `${quote(text)} is not a range of statuses; write one such as 200-399, or 200 alone` }
  })
}
