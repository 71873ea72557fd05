/**
 * Every class of requests that Node's strict parser takes and Postern does not: its text in the access log (`cause=`, or the code), and why. The
 * table in docs/conformance-differences.md is this one.
 */
export const STRICTER: ReadonlyMap<string, string> = new Map([
  [
    'bad Host',
    'Node does not look at Host. A router that routes by it must know exactly what it says (RFC 9112 §3.2).',
  ],
  ['no Host', 'HTTP/1.1 needs one (RFC 9112 §3.2); this reading of Node is without its own check for that.'],
  ['more than one Host', 'Node keeps the first, other servers the last (RFC 9112 §3.2).'],
  [
    'Host and request target disagree',
    'Node leaves the choice to the application. Two names for one request are how a request passes a check for one host and is served by another.',
  ],
  ['P02', 'The mutated Host names no app: answered 404 by the router. No dyno to ask.'],
  [
    'bad request line',
    'Node takes several spaces before the target, and a line without a version as HTTP/0.9. Postern takes two single spaces (RFC 9112 §3).',
  ],
  [
    'bad request target',
    'Node takes any text of URL characters. Postern: origin-form, absolute-form of http or https, or `*` with OPTIONS (RFC 9112 §3.2).',
  ],
  ['bad HTTP version', 'Node takes HTTP/0.9 and HTTP/2.0 in a request line.'],
  ['HTTP version not supported', 'Node takes HTTP/2.0 in a request line of HTTP/1.'],
  ['CONNECT not allowed', 'Node leaves CONNECT to the application. Postern is no forward proxy.'],
  ['bad method', 'Counted with another reason: what follows a refused request.'],
  ['bare LF', 'Node takes empty lines that end in a bare LF before a request, and an HTTP/0.9 line that ends so.'],
  ['bare CR', 'Node skips any CR before a request. Postern takes two empty lines, each CRLF (RFC 9112 §2.2).'],
  ['too many empty lines before the request', 'Node skips any number. Postern two: more is no slip of a client.'],
  [
    'bad Transfer-Encoding',
    'Node takes other codings before a final chunked, and some in several lines. Postern takes `chunked` alone: it does not know the others.',
  ],
  [
    'Transfer-Encoding in HTTP/1.0',
    'Node frames by it. The version has no such thing, and who forwarded it may not have looked (RFC 9112 §6.1).',
  ],
  ['Content-Length with Transfer-Encoding', 'Node refuses most of these too, but not each order of lines.'],
  [
    'bad Content-Length',
    'Node counts up to 2^64-1; Postern to 2^53-1, the last whole number that JavaScript can count.',
  ],
  [
    'bad chunk size',
    'Node takes any number of leading zeros. Postern sixteen digits: a line without an end is no number.',
  ],
  [
    'bad chunk extension',
    'Node takes control bytes and empty names in some places. Postern follows the grammar (RFC 9112 §7.1.1).',
  ],
  ['bad trailer', 'Node takes some lines there that it would refuse as headers.'],
  [
    'framing or routing header in the trailers',
    'Node hands them to the application. Nobody sends Content-Length or Host there but to be read as a head.',
  ],
  ['bad Connection', 'Node ignores what is no token. Postern must know which headers end here (RFC 9110 §7.6.1).'],
  [
    'Connection names a header that it must not',
    'Node ignores it. A proxy that obeyed would drop Host, the length or the client address of the request.',
  ],
  ['Connection: upgrade without Upgrade', 'Node ignores it. There is nothing to upgrade to (RFC 9110 §7.8).'],
  ['bad Upgrade', 'Node hands any text to the application.'],
  ['unknown expectation', 'Node hands it to the application. 417 is what RFC 9110 §10.1.1 has for it.'],
  ['method too long', 'Node knows a list of methods.'],
  ['H27', 'What follows a refused or a whole request is not whole: the client closed its side within it.'],
])
