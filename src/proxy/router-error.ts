import { STATUS_CODES } from 'node:http'
import type { ErrorCode } from '../telemetry/metric-table.ts'
import { type ErrorBody, renderBody, safeRequestId } from './error-page.ts'

export type { ErrorCode } from '../telemetry/metric-table.ts'

/** One row of the table of errors. */
export interface RouterError {
  /** `desc` of the access log. */
  readonly desc: string
  /** What is answered, when something can be: the usual status first; empty when there is never anyone to answer. */
  readonly statuses: readonly number[]
  /** Beside or instead of an answer. */
  readonly otherwise: string
  /** What the log says for a status when the client left without one; 0 when it says what was sent. */
  readonly goneStatus: number
  readonly at: 'info' | 'warning' | 'error'
  /** Whose connection broke, for the log. */
  readonly sock: '' | 'client' | 'backend'
  /** Where to look first. */
  readonly side: 'client' | 'dyno' | 'router'
  /** For people; says nothing of what is behind the router. */
  readonly message: string
  /** For operators: what it means and what to do. */
  readonly operator: string
}

/** What most rows have in common. */
const COMMON = { statuses: [], otherwise: '', goneStatus: 0, sock: '' } as const

const ELSE_CUT = 'if nothing was sent, else the connection is cut'
const LATER = 'Please try again in a moment.'
const NO_ANSWER = `The app did not answer. ${LATER}`
const BROKEN_ANSWER = 'The app gave an answer that cannot be passed on.'
const UNAVAILABLE = `This app is not available right now. ${LATER}`

/** Every way in which the router itself ends a request. docs/errors.md is this table. */
export const ERRORS: Readonly<Record<ErrorCode, RouterError>> = {
  H10: dyno('App crashed', UNAVAILABLE, {
    operator:
      'Every web dyno of the app has crashed. Look at its output before the crash; it is restarted with growing pauses, or at once by a new release.',
  }),
  H11: dyno('Backlog too deep', `This app is very busy. ${LATER}`, {
    operator:
      'All dynos are at maxInFlightPerDyno and the queue of the app is full, or the wait in it was too long. Scale up, or find out why requests are slow.',
  }),
  H12: dyno('Request timeout', `The app took too long to answer. ${LATER}`, {
    operator:
      'No byte of an answer within timeouts.firstByte. The dyno may still be working on it: give it a limit of its own below the timeout, and move long work to a worker.',
  }),
  H13: dyno('Connection closed without response', NO_ANSWER, {
    operator:
      'The dyno closed the connection before the first byte of an answer. Usually its server crashed, was stopped, or has a shorter limit of its own.',
  }),
  H14: dyno('No web processes running', UNAVAILABLE, {
    operator: 'The formation has no web dynos. Scale it: `postern scale APP web=1`.',
  }),
  H15: dyno('Idle connection', NO_ANSWER, {
    otherwise: ELSE_CUT,
    operator:
      'No byte from either side for timeouts.idle, in an answer or a tunnel. Send something now and then: a newline, a comment, a WebSocket ping.',
  }),
  H17: dyno('Poorly formatted HTTP response', BROKEN_ANSWER, {
    operator: 'The answer of the dyno is not HTTP/1.x. Is something else listening on its port?',
  }),
  H18: dyno('Server Request Interrupted', `The app stopped before the request was complete. ${LATER}`, {
    otherwise: ELSE_CUT,
    sock: 'backend',
    operator:
      'The dyno closed or reset the connection in the middle of a request or of an answer. Look for a crash, a restart, or a server that refuses large bodies without reading them.',
  }),
  H19: dyno('Backend connection timeout', UNAVAILABLE, {
    operator:
      'No dyno accepted a connection within timeouts.connect. The machine or the network of the dynos is overloaded or unreachable, or packets are dropped.',
  }),
  H20: dyno('App boot timeout', `This app is still starting. ${LATER}`, {
    operator:
      'The request waited for a booting dyno and none was up in time. Look at what the dyno does before it accepts on its port.',
  }),
  H21: dyno('Backend connection refused', UNAVAILABLE, {
    operator:
      'Every dyno that was tried refused the connection. Is it listening on $PORT, on all addresses rather than on localhost alone?',
  }),
  H22: router('Connection limit reached', `Too many connections at once. ${LATER}`, {
    operator:
      'The router holds limits.connections client connections, or one address its limits.connectionsPerAddress. Raise the limit if memory allows it, or find out who holds them.',
  }),
  H24: router('Forced close', `The app was restarted before it could answer. ${LATER}`, {
    otherwise: ELSE_CUT,
    operator:
      'The dyno or the router was stopped and the request outlived the drain time. Raise the drain time, or make requests shorter.',
  }),
  H25: dyno('HTTP restriction', BROKEN_ANSWER, {
    statuses: [502],
    operator:
      'The answer of the dyno breaks a limit: desc says which one (invalid content length, oversized cookie, oversized header, oversized status line). Fix the app.',
  }),
  H26: client('Request Error', 'The request could not be understood.', {
    statuses: [400, 405, 408, 413, 414, 417, 431, 505],
    at: 'error',
    operator:
      'The request breaks a rule of HTTP or a limit: cause says which one. Nothing of it reached a dyno as a whole request. Many from one address are a scan or an attack.',
  }),
  H27: client('Client Request Interrupted', 'The request was not completed.', {
    otherwise: 'logged as 499: the client is gone',
    goneStatus: 499,
    sock: 'client',
    operator:
      'The client closed the connection before its answer was complete. One is a person who moved on; many point to a slow app or to a client with a shorter timeout.',
  }),
  H28: client('Client Connection Idle', 'The request took too long to arrive.', {
    statuses: [408],
    otherwise: 'or logged as 499 when that is too late',
    goneStatus: 499,
    operator:
      'The client neither sent nor took a byte for the idle timeout in the middle of a request or an answer. Usually a lost network.',
  }),
  H31: client('Misdirected Request', 'This connection was made for another host.', {
    statuses: [421],
    at: 'error',
    operator:
      'The TLS connection was made for one app (SNI) and the request names another one (Host). The client should open a connection of its own.',
  }),
  H32: client('TLS Certificate Mismatch', 'This connection was made for another host.', {
    statuses: [421],
    at: 'error',
    operator:
      'The certificate that the connection was made with does not cover the host of the request. Add the name to the certificate, or correct the domain.',
  }),
  H80: router('Maintenance mode', 'This app is being maintained and will be back soon.', {
    at: 'info',
    operator: 'The app is in maintenance mode. End it with `postern maintenance off APP`.',
  }),
  H81: router('Blank app', 'There is nothing here yet.', {
    at: 'info',
    operator: 'The app has no release yet. Give it a formation in the config, or deploy it.',
  }),
  H99: router('Platform error', `Something went wrong on our side. ${LATER}`, {
    operator:
      'An error inside the router, or no descriptor or memory left. The log of the router has the details; please report what is not explained by its surroundings.',
  }),
  P01: client('Untrusted source', 'Access from your address is not allowed.', {
    statuses: [403],
    otherwise: 'or a TCP reset without a byte (onUntrusted: reset)',
    operator:
      'The client is in no trusted range, in a denied one, or outside on an internal listener. If it should be let in: `postern trusted-ips add CIDR --label WHO`.',
  }),
  P02: client('No such app', 'There is nothing at this address.', {
    statuses: [404],
    operator:
      'No app has this host, or an internal app has it and the client is outside: both look the same from there. Check domains and where DNS points.',
  }),
  P03: client('Rate limited', 'Too many requests. Please wait before you try again.', {
    statuses: [429],
    operator: 'The client sent more than its rate limit allows. The answer says in Retry-After when to come back.',
  }),
  P04: router('Filter failed', `Something went wrong on our side. ${LATER}`, {
    operator: 'A filter threw an error or took too long. The log of the router names it.',
  }),
}

/** What `desc` adds to H25. */
export const RESPONSE_RESTRICTIONS = [
  'invalid content length',
  'oversized cookie',
  'oversized header',
  'oversized status line',
] as const
export type ResponseRestriction = (typeof RESPONSE_RESTRICTIONS)[number]

/** `desc` of the access log; `restriction` for H25. */
export function describe(code: ErrorCode, restriction: ResponseRestriction | '' = ''): string {
  return restriction === '' ? ERRORS[code].desc : `${ERRORS[code].desc}: ${restriction}`
}

/** The status that a code is usually answered with; 0 when there is nobody to answer. */
export function statusOf(code: ErrorCode): number {
  return ERRORS[code].statuses[0] ?? 0
}

/** For people, where one code has several statuses (H26). */
const MESSAGES_BY_STATUS: Readonly<Record<number, string>> = {
  405: 'This method is not available here.',
  408: 'The request took too long to arrive.',
  413: 'The request is too large.',
  414: 'The address of the request is too long.',
  417: 'An expectation of the request cannot be met.',
  431: 'The headers of the request are too large.',
  505: 'This version of HTTP is not supported.',
}

export interface BodyOptions {
  readonly code: ErrorCode
  readonly status: number
  /** The Accept header, all of its lines joined by commas; '' for none. */
  readonly accept: string
  readonly requestId: string
  /** Instead of the sentence of the table. */
  readonly message?: string
}

/** The body of an error in the form that the client likes best. */
export function renderError({ code, status, accept, requestId, message }: BodyOptions): ErrorBody {
  const sentence = message ?? (code === 'H26' ? MESSAGES_BY_STATUS[status] : undefined) ?? ERRORS[code].message
  return renderBody({ code, title: STATUS_CODES[status] ?? 'Error', message: sentence, requestId }, accept)
}

export interface HeadOptions {
  readonly status: number
  readonly contentType: string
  readonly contentLength: number
  /** Value of Date. */
  readonly date: string
  /** Value of Connection; '' for no such line. */
  readonly connection: string
  /** Value of X-Request-Id; '' for no such line. */
  readonly requestId: string
  /** -1 for no Retry-After. */
  readonly retryAfterSeconds: number
}

/** Status line and headers, with the empty line. No Via: the answer is the router's own (RFC 9110 §7.6.3). */
export function errorHead(head: HeadOptions): string {
  let text =
    `HTTP/1.1 ${head.status} ${STATUS_CODES[head.status] ?? ''}\r\n` +
    `Date: ${head.date}\r\nServer: postern\r\nContent-Type: ${head.contentType}\r\nContent-Length: ${head.contentLength}\r\n` +
    'Cache-Control: no-store\r\n'
  // Required with 405 (RFC 9110 §15.5.6). CONNECT is the one method that the router itself refuses.
  if (head.status === 405) text += 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n'
  if (head.retryAfterSeconds >= 0) text += `Retry-After: ${Math.ceil(head.retryAfterSeconds)}\r\n`
  if (head.requestId !== '') text += `X-Request-Id: ${head.requestId}\r\n`
  if (head.connection !== '') text += `Connection: ${head.connection}\r\n`
  return `${text}\r\n`
}

export interface AnswerOptions extends BodyOptions {
  /** HEAD gets no body. */
  readonly method: string
  readonly date: string
  readonly connection: string
  /** Whether X-Request-Id goes to the client. */
  readonly requestIdToClient: boolean
  /** With P03; otherwise left out. */
  readonly retryAfterSeconds?: number
}

export interface ErrorAnswer {
  /** Head and body, one character per byte: write it as latin1. */
  readonly text: string
  readonly bodyBytes: number
}

/**
 * A whole answer of the router. Of the request only `accept`, `method` and `requestId` go into it, so the answers to an unknown host
 * and to an internal app's host are the same bytes.
 */
export function errorAnswer(answer: AnswerOptions): ErrorAnswer {
  const { contentType, body } = renderError(answer)
  const head = errorHead({
    status: answer.status,
    contentType,
    contentLength: body.length,
    date: answer.date,
    connection: answer.connection,
    requestId: answer.requestIdToClient ? safeRequestId(answer.requestId) : '',
    retryAfterSeconds: answer.retryAfterSeconds ?? -1,
  })
  return answer.method === 'HEAD' ? { text: head, bodyBytes: 0 } : { text: head + body, bodyBytes: body.length }
}

/** The table of docs/errors.md, in Markdown. */
export function errorsTable(): string {
  const rows = Object.entries(ERRORS).map(([code, error]) => {
    const answer = [error.statuses.join(', '), error.otherwise].filter((part) => part !== '').join(' ')
    return `| ${code} | ${error.desc} | ${answer} | ${error.at} | ${error.side} | ${error.operator} |`
  })
  return [
    '| code | desc | answer | at | look at | what it means, what to do |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

type Row = { readonly operator: string } & Partial<RouterError>

function dyno(desc: string, message: string, row: Row): RouterError {
  return { ...COMMON, statuses: [503], at: 'error', side: 'dyno', desc, message, ...row }
}

function router(desc: string, message: string, row: Row): RouterError {
  return { ...COMMON, statuses: [503], at: 'error', side: 'router', desc, message, ...row }
}

function client(desc: string, message: string, row: Row): RouterError {
  return { ...COMMON, at: 'warning', side: 'client', desc, message, ...row }
}
