/**
 * Every class of requests that Node's strict parser takes and Postern does not: its text in the access log (`cause=`, or the code), and why. The
 * table in docs/conformance-differences.md is this one.
 */
export const STRICTER: ReadonlyMap<string, string> = new Map([
  [
    'bad Host',
    'Node does not look at Host. A router that routes by it must know exactly what it says (RFC 9112 §3.2).',
  ],
  ['no Host', 'HTTP/1.1 needs one (RFC 9112 §3.2). Node has its own check for that, which the comparison leaves out.'],
  ['more than one Host', 'Node keeps the first, other servers the last (RFC 9112 §3.2).'],
  [
    'Host and request target disagree',
    'Node leaves the choice to the application. Two names for one request pass the check of one and are served as the other.',
  ],
  ['P02', 'The name belongs to no app, so there is no dyno to ask: the router answers 404.'],
  [
    'bad request line',
    'Node takes several spaces before the target, and a line without a version as HTTP/0.9. Postern takes exactly two single spaces (RFC 9112 §3).',
  ],
  [
    'bad request target',
    'Node takes `#`, other schemes, and anything behind `*`. Postern takes origin-form, absolute-form of http and https, and `*` with OPTIONS (RFC 9112 §3.2).',
  ],
  [
    'HTTP version not supported',
    'Node takes 0.9 and 2.0 in the request line of HTTP/1. The framing of either would be another one.',
  ],
  ['bare LF', 'Node takes empty lines before a request, and lines of HTTP/0.9, that end in a bare LF.'],
  ['bare CR', 'Node skips any CR before a request. Postern takes two empty lines, each a CRLF (RFC 9112 §2.2).'],
  [
    'too many empty lines before the request',
    'Node skips any number of them. Postern takes two: more is no slip of a client.',
  ],
  [
    'bad Transfer-Encoding',
    'Node takes other codings before a final chunked, in one line or several, and spaces after it. Postern takes `chunked` alone: it cannot read the others, and servers differ on how they are spelled.',
  ],
  [
    'Transfer-Encoding in HTTP/1.0',
    'Node frames by it. The version has no such thing, and a proxy before us may have passed on what it did not understand (RFC 9112 §6.1).',
  ],
  ['bad chunk size', 'Node takes any number of leading zeros. Postern takes sixteen digits.'],
  ['bad chunk extension', 'Node takes empty names and empty values. Postern follows the grammar (RFC 9112 §7.1.1).'],
  [
    'framing or routing header in the trailers',
    'Node hands Host on as a trailer. Nobody sends it there but to have it read as part of the head.',
  ],
  ['bad Connection', 'Node ignores what is no token. Postern must know which headers end here (RFC 9110 §7.6.1).'],
  [
    'Connection names a header that it must not',
    'Node ignores it. A proxy that obeyed would drop the host, the length or the client address of the request.',
  ],
  ['Connection: upgrade without Upgrade', 'Node ignores it. There is nothing to upgrade to (RFC 9110 §7.8).'],
  ['bad Upgrade', 'Node hands any text to the application. Postern would have to repeat it to the dyno.'],
  ['unknown expectation', 'Node hands it to the application. 417 is the answer that RFC 9110 §10.1.1 has for it.'],
  [
    'request line too long',
    'Over 8,192 bytes; the limit of Node was set out of the way for the comparison. The same with the next ones.',
  ],
  ['header line too long', 'Over 8,192 bytes.'],
  ['header name too long', 'Over 1,000 bytes.'],
  ['headers too large in all', 'Over 64 KiB.'],
  ['too many headers', 'Over 1,000 lines. Node goes on and leaves the rest out.'],
  ['too many connection options', 'Over 64. Each one is looked for among all headers.'],
  ['chunk extensions too long', 'Over 4,096 bytes in one body. Node has 16,384.'],
  ['trailers too long', 'Over 8,192 bytes in one body.'],
])
