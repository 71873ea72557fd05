/** What an error says to the client. */
export interface ErrorContent {
  readonly code: string
  /** The status in words. */
  readonly title: string
  readonly message: string
  readonly requestId: string
}

export interface ErrorBody {
  readonly contentType: string
  /** One character per byte. */
  readonly body: string
}

/** Renders the error in the form that the Accept header asks for: text unless HTML or JSON is preferred. */
export function renderBody(content: ErrorContent, accept: string): ErrorBody {
  const { code, title, message } = content
  const requestId = safeRequestId(content.requestId)
  switch (preferredForm(accept)) {
    case 'html':
      return { contentType: 'text/html; charset=utf-8', body: utf8(page(code, title, message, requestId)) }
    case 'json': {
      const body = JSON.stringify({ error: { code, message, request_id: requestId } })
      return { contentType: 'application/json', body: utf8(`${body}\n`) }
    }
    case 'text': {
      const id = requestId === '' ? '' : `Request id: ${requestId}\n`
      return { contentType: 'text/plain; charset=utf-8', body: utf8(`${message}\n\nCode: ${code}\n${id}`) }
    }
  }
}

const REQUEST_ID = /^[A-Za-z0-9+/=-]{1,200}$/

/** The request id, or '' when it is not made of what the router accepts: then it may be anything. */
export function safeRequestId(requestId: string): string {
  return REQUEST_ID.test(requestId) ? requestId : ''
}

type Form = 'text' | 'html' | 'json'

/** In order of preference when the client does not care. */
const FORMS: readonly { readonly form: Form; readonly type: string; readonly range: string }[] = [
  { form: 'text', type: 'text/plain', range: 'text/*' },
  { form: 'html', type: 'text/html', range: 'text/*' },
  { form: 'json', type: 'application/json', range: 'application/*' },
]

/**
 * Accept negotiation (RFC 9110 §12.5.1): for each form the most specific range that matches gives its quality. Among equals
 * the more specific mention wins, then the earlier one: `application/json, text/plain, *\/*` asks for JSON. What accepts none gets text.
 */
export function preferredForm(accept: string): Form {
  if (accept === '' || accept === '*/*') return 'text'
  const ranges = acceptedRanges(accept)
  let best: Form = 'text'
  let bestQuality = 0
  let bestSpecificity = 0
  let bestPosition = 0
  for (const { form, type, range } of FORMS) {
    for (const [specificity, name] of [
      [3, type],
      [2, range],
      [1, '*/*'],
    ] as const) {
      const position = ranges.findIndex((candidate) => candidate.name === name)
      if (position === -1) continue
      const { quality } = ranges[position]!
      const better =
        quality > bestQuality ||
        (quality === bestQuality &&
          (specificity > bestSpecificity || (specificity === bestSpecificity && position < bestPosition)))
      if (quality > 0 && better) {
        best = form
        bestQuality = quality
        bestSpecificity = specificity
        bestPosition = position
      }
      break
    }
  }
  return best
}

/** A client that lists more than this gets no finer choice: bounds the work that an Accept header can cause. */
const MAX_RANGES = 32
const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

function acceptedRanges(accept: string): { name: string; quality: number }[] {
  const ranges: { name: string; quality: number }[] = []
  for (const element of accept.split(',', MAX_RANGES)) {
    const [name, ...parameters] = element.split(';')
    const weight = parameters.map((parameter) => parameter.trim()).find((parameter) => /^q=/i.test(parameter))
    const quality = weight === undefined ? '1' : weight.slice(2)
    // A weight that cannot be read makes the range unreadable, not refused.
    if (QUALITY.test(quality)) ranges.push({ name: name!.trim().toLowerCase(), quality: Number(quality) })
  }
  return ranges
}

const STYLE =
  ':root{color-scheme:light dark}' +
  'body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;background:#f6f5f2;color:#26241f}' +
  'main{max-width:28rem;padding:2rem}' +
  'h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25;font-weight:600}' +
  'p{margin:0 0 1.5rem}' +
  'small{color:#6b675e;overflow-wrap:anywhere}' +
  '@media(prefers-color-scheme:dark){body{background:#1b1a18;color:#eceae5}small{color:#a39e93}}'

/** One small page without any other resource. */
function page(code: string, title: string, message: string, requestId: string): string {
  const id = requestId === '' ? '' : ` &middot; Request ${requestId}`
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width,initial-scale=1">' +
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>\n` +
    `<body><main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(message)}</p><small>${code}${id}</small></main></body></html>\n`
  )
}

const HTML_ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ENTITIES[character]!)
}

/** The UTF-8 bytes of a text as the characters of a string; almost always the text itself. */
function utf8(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}
