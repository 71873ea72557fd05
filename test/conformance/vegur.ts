/** A published test of `heroku/vegur`, the router that Heroku's HTTP routing came from, and what holds the same matter here. */
export interface VegurTest {
  readonly name: string
  /** Ids of rules. */
  readonly rules: readonly string[]
  /** '' when the behaviour is the same; else what is different on purpose, and why. */
  readonly differs: string
}

const CHUNKED_AND_LENGTH =
  'Vegur sends its chunked requests with a Content-Length and ignores that; here both together are 400, since who reads the other one sees another end (RFC 9112 §6.1).'
const REFRAMED = 'Chunks are framed anew, so their sizes may change and extensions go no further.'
const OWN_CONNECTIONS =
  'Connections to dynos are the router’s: `close` of a client is not passed on, and `Connection: keep-alive` is not said to HTTP/1.1 clients, whose default it is.'
const NO_CLOSE_MODE =
  'There is no mode that closes connections to dynos after each request; the matrix is held with kept ones.'
const BODILESS_UPGRADE =
  'A request to upgrade that has a body is served as if it had not asked: whoever sees the end of that body elsewhere would have a tunnel into the middle of it.'
const LATE_ERROR =
  'An error that comes after the head of the answer cuts the connection instead of writing 400 into or behind an answer.'

/** By group, in Vegur's order (test/vegur_roundtrip_SUITE.erl). */
export const VEGUR_TESTS: Readonly<Record<string, readonly VegurTest[]>> = {
  continue: [
    same('back_and_forth', 'expect/end-to-end'),
    same('body_timeout', 'expect/end-to-end-no-wait'),
    differs(
      'non_terminal',
      'A second 100 Continue is dropped instead of failing the request: interim answers may come in any number (RFC 9110 §15.2).',
      'expect/one-100',
    ),
    differs('continue_upgrade_httpbis', BODILESS_UPGRADE, 'upgrade/after-expect', 'upgrade/with-body'),
    same('upgrade_no_continue', 'upgrade/tunnel', 'expect/final-instead-of-100'),
    same('terminal_no_continue_partial', 'expect/final-instead-of-100'),
    differs(
      'terminal_no_continue_complete',
      'The client connection closes as there; the dyno’s is kept, since here it is known that the body went through whole.',
      'expect/final-after-whole-body',
    ),
    same('no_expect_continue', 'expect/unasked-100'),
    same('http_1_0_continue', 'expect/http-1.0', 'http-1.0/no-interim-answers'),
    same('unknown_expect', 'expect/unknown'),
    differs(
      'bad_syntax_expect',
      '417 for everything but 100-continue, as Heroku documents it; Vegur says 400 when the value is no token.',
      'expect/unknown',
    ),
    same('bypass', 'expect/router-answers', 'expect/body-is-here'),
  ],
  headers: [
    same('duplicate_different_lengths_req', 'framing/differing-lengths'),
    same('duplicate_csv_lengths_req', 'framing/bad-lengths'),
    same('duplicate_identical_lengths_req', 'framing/same-lengths'),
    differs(
      'duplicate_different_lengths_resp',
      'The answer of the router is 502 as there; the client connection goes on, since its request was read to the end.',
      'response-head/lengths',
      'response-head/closes-the-dyno',
    ),
    differs('duplicate_csv_lengths_resp', 'As above.', 'response-head/lengths'),
    same('duplicate_identical_lengths_resp', 'response-head/lengths'),
    differs(
      'delete_hop_by_hop',
      '`TE: trailers` goes on (RFC 9110 §10.1.4); Vegur drops TE whole.',
      'hop-by-hop/request',
      'hop-by-hop/response',
      'hop-by-hop/te-trailers',
    ),
    same('response_cookie_limits', 'response-head/cookie-size'),
    same('response_header_line_limits', 'response-head/header-size'),
    same('response_status_limits', 'response-head/status-line-size'),
    same('via', 'headers/via', 'headers/own'),
    same('via_chain', 'headers/via'),
    same('bad_status', 'response-head/passes', 'response-head/status'),
    differs(
      'preserve_case',
      'Names keep the case that they came in; Vegur writes them anew as `Like-This`.',
      'headers/order-and-case',
      'response-head/passes',
    ),
    same('header_order', 'headers/order-and-case', 'response-head/passes'),
    same('host_nofold', 'host/exactly-one'),
    same('host_conflict', 'host/exactly-one'),
  ],
  http_1_0: [
    same('advertise_1_1', 'http-1.0/speaks-1.1'),
    same('conn_close_default', 'http-1.0/closes'),
    same('conn_keepalive_opt', 'http-1.0/keep-alive'),
    same('chunked_to_1_0', 'http-1.0/chunked-answer'),
  ],
  chunked: [
    differs(
      'passthrough',
      `${CHUNKED_AND_LENGTH} ${REFRAMED}`,
      'chunked/decoded',
      'response-framing/chunked',
      'framing/cl-te',
    ),
    same('passthrough_short_crlf', 'chunked/short-end'),
    same('passthrough_early_0length', 'chunked/line-ends', 'chunked/cut-when-bad'),
    differs(
      'passthrough_partial_early_0length1',
      `${LATE_ERROR} Before it the client gets the same 400.`,
      'chunked/cut-when-bad',
      'early-answer/malformed-rest',
    ),
    differs('passthrough_partial_early_0length2', 'As above.', 'chunked/cut-when-bad', 'early-answer/malformed-rest'),
    same('passthrough_partial_early_0length3', 'response-framing/bad-chunk', 'response-framing/early-last-chunk'),
    same('interrupted_client', 'chunked/interrupted-client'),
    same('interrupted_server', 'response-framing/short'),
    same('bad_chunk', 'response-framing/bad-chunk'),
    same('trailers', 'trailers/request', 'trailers/response'),
    same('trailers_close', 'trailers/response'),
    same('trailers_client_err', 'trailers/bad'),
    same('trailers_serv_err', 'trailers/bad-in-answer'),
    same('trailers_no_header', 'trailers/request'),
  ],
  body_less: [
    same('head_small_body_expect', 'bodyless/matrix', 'bodyless/dyno-connection'),
    same('head_large_body_expect', 'bodyless/matrix'),
    same('head_no_body_expect', 'bodyless/matrix'),
    differs(
      'head_chunked_expect',
      'Transfer-Encoding of an answer to HEAD is left out: hop-by-hop, and a hint that nobody needs (RFC 9112 §6.1).',
      'bodyless/matrix',
    ),
    same('head_close_expect', 'bodyless/matrix'),
    same('head_close_expect_client', 'bodyless/client-close'),
    differs(
      'status_204',
      'Content-Length of a 204 is left out: a server must not send it (RFC 9110 §8.6).',
      'bodyless/matrix',
    ),
    same('status_304', 'bodyless/matrix'),
    differs(
      'status_chunked_204',
      'Transfer-Encoding of a 204 is left out: a server must not send it (RFC 9112 §6.1).',
      'bodyless/matrix',
    ),
    same('status_close_304', 'bodyless/matrix'),
    same('status_close_304_client', 'bodyless/client-close'),
    same('bad_transfer_encoding', 'framing/te-te'),
    same('valid_status_204', 'bodyless/matrix', 'bodyless/dyno-connection'),
    same('valid_status_304', 'bodyless/matrix', 'bodyless/dyno-connection'),
    same('valid_head', 'bodyless/matrix', 'bodyless/dyno-connection'),
  ],
  large_body: [
    same('large_body_stream', 'large-body/request', 'large-body/response'),
    same('large_body_close', 'large-body/response', 'connection-header/close'),
    same('large_body_close_delimited', 'large-body/response'),
    same('large_body_request_response_interrupt', 'early-answer/relayed', 'early-answer/dyno-hangs-up'),
    same('large_chunked_request_response_interrupt', 'early-answer/relayed'),
    same('large_close_request_response_interrupt', 'early-answer/dyno-closes-in-order'),
    differs(
      'large_close_request_response_interrupt_undetected',
      'An early answer arrives whole however large it is: it is read while the upload goes on.',
      'early-answer/long',
    ),
    differs(
      'weird_content_length',
      'White space around the value is no part of it (RFC 9112 §5), so `208062 ` is a length; Vegur refuses it.',
      'response-head/lengths',
      'response-framing/length',
    ),
  ],
  backend_close: [
    'close_close_close',
    'close_keepalive_keepalive',
    'close_default_default',
    'close_close_keepalive',
    'close_keepalive_close',
  ].map((name) => differs(name, NO_CLOSE_MODE, 'keep-alive/matrix')),
  backend_keepalive: [
    differs('keepalive_close_close', OWN_CONNECTIONS, 'keep-alive/matrix'),
    differs('keepalive_keepalive_keepalive', OWN_CONNECTIONS, 'keep-alive/matrix'),
    differs('keepalive_default_default', OWN_CONNECTIONS, 'keep-alive/matrix'),
    differs('keepalive_close_keepalive', OWN_CONNECTIONS, 'keep-alive/matrix'),
    differs('keepalive_keepalive_close', OWN_CONNECTIONS, 'keep-alive/matrix'),
    differs(
      'keepalive_reset',
      'Which connection carries a request is not the app’s to say; one that breaks is replaced.',
      'keep-alive/dyno-closes-idle',
      'retry/stale-connection',
    ),
    same('keepalive_http_1_0', 'keep-alive/http-1.0'),
    differs('keepalive_upgrade_close_server', BODILESS_UPGRADE, 'upgrade/tunnel'),
    differs('keepalive_upgrade_close_client', BODILESS_UPGRADE, 'upgrade/client-leaves'),
    same('keepalive_chunked', 'keep-alive/chunked'),
    same('keepalive_close_delimited', 'response-framing/until-close'),
    same('keepalive_large_body', 'keep-alive/large-body'),
  ],
}

/** Where Postern is stricter than, or otherwise unlike, what Heroku documents of its own routers, and why. */
export const HEROKU_DIFFERENCES: readonly (readonly [what: string, heroku: string, why: string])[] = [
  [
    '`Transfer-Encoding` with `Content-Length`',
    'chunked wins',
    '400: two ends for one message are how requests are smuggled (RFC 9112 §11.2)',
  ],
  [
    '`X-Forwarded-For` that a client sent',
    'kept, the address appended',
    'dropped, unless the peer is a trusted proxy or the listener says `forwardedFor: append`: anybody can write anything into it',
  ],
  [
    '`Connection` that names Host, the framing, Forwarded or X-Forwarded-*',
    'not documented',
    '400: dropping what it names would take from the dyno what access and framing rest on (CVE-2022-31813)',
  ],
  [
    'upgrade to `h2c`, HTTP or TLS',
    'any token is passed on',
    'ignored: requests inside such a tunnel would reach the dyno unseen by access, limits and log',
  ],
  [
    '101 to a protocol that was not offered',
    'passed on',
    '503, H17: else bytes of a tunnel could pass for something else',
  ],
  ['missing reason phrase of an answer', 'H17 by the error codes, tolerated by Vegur', 'tolerated (RFC 9112 §4)'],
  [
    'early answer while the body is still coming',
    'relayed when it happens to be noticed; else 503',
    'relayed at once, also when the dyno hangs up right behind it: the app’s own 401 or 413 reaches the client',
  ],
  [
    'POST on a kept connection that its dyno closes',
    'fails (H13, H18)',
    'the connection is looked at once more before anything is written, and one that has rested is not used for such a request',
  ],
  ['Content-Length or Transfer-Encoding of a 204', 'passed on', 'left out (RFC 9110 §8.6, RFC 9112 §6.1)'],
  ['HTTP/1.0 without Host', 'refused', '404, P02, since it names no app; with an absolute target it is served'],
]

function same(name: string, ...rules: string[]): VegurTest {
  return { name, rules, differs: '' }
}

function differs(name: string, why: string, ...rules: string[]): VegurTest {
  return { name, rules, differs: why }
}
