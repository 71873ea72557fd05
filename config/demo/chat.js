// Speaks WebSocket (RFC 6455), as far as an echo needs it: one frame per message, up to 65,535 bytes of text.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const { PORT, DYNO, HEROKU_PRIVATE_IP } = process.env

const TEXT = 0x1
const CLOSE = 0x8
const PING = 0x9
const PONG = 0xa
const LONGEST_BYTES = 65_535
const GOING_AWAY = 1001

const PAGE = `<!doctype html>
<html lang="en">
<title>chat</title>
<style>body { font: 16px system-ui; max-width: 40rem; margin: 2rem auto } input { width: 100%; font: inherit }</style>
<h1>chat on ${DYNO}</h1>
<input autofocus placeholder="say something, then Enter">
<pre></pre>
<script>
  const [input, log] = [document.querySelector('input'), document.querySelector('pre')]
  const say = (line) => { log.textContent = line + '\\n' + log.textContent }
  const socket = new WebSocket(location.href.replace(/^http/, 'ws'))
  socket.onopen = () => say('(connected)')
  socket.onclose = (event) => say('(closed with ' + event.code + ')')
  socket.onmessage = (event) => say(event.data)
  input.onchange = () => { socket.send(input.value); input.value = '' }
</script>
`

const server = createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.end(PAGE)
})

/** Open WebSockets: the server does not count them any more. */
const sockets = new Set()

server.on('upgrade', (request, socket) => {
  const key = request.headers['sec-websocket-key']
  if (request.headers.upgrade?.toLowerCase() !== 'websocket' || !key) {
    socket.end('HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    return
  }
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  socket.on('error', () => socket.destroy())
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    for (let frame = readFrame(bytes); frame; frame = readFrame(bytes)) {
      bytes = bytes.subarray(frame.bytes)
      if (frame.kind === TEXT) socket.write(makeFrame(TEXT, Buffer.concat([Buffer.from(`${DYNO}: `), frame.payload])))
      else if (frame.kind === PING) socket.write(makeFrame(PONG, frame.payload))
      else if (frame.kind === CLOSE) socket.end(makeFrame(CLOSE, frame.payload))
    }
    if (bytes.length > LONGEST_BYTES + 8) socket.destroy()
  })
})

/** The first frame, or null when it is not whole yet. Clients mask what they send. */
function readFrame(bytes) {
  if (bytes.length < 2) return null
  const short = bytes[1] & 0x7f
  const maskAt = short < 126 ? 2 : 4
  if (bytes.length < maskAt + 4) return null
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : LONGEST_BYTES * 2
  if (bytes.length < maskAt + 4 + length) return null
  const mask = bytes.subarray(maskAt, maskAt + 4)
  const payload = Buffer.from(bytes.subarray(maskAt + 4, maskAt + 4 + length)).map((byte, at) => byte ^ mask[at % 4])
  return { kind: bytes[0] & 0x0f, payload: Buffer.from(payload), bytes: maskAt + 4 + length }
}

function makeFrame(kind, payload) {
  const text = payload.subarray(0, LONGEST_BYTES)
  const head = text.length < 126 ? [0x80 | kind, text.length] : [0x80 | kind, 126, text.length >> 8, text.length & 0xff]
  return Buffer.concat([Buffer.from(head), text])
}

server.listen(Number(PORT), HEROKU_PRIVATE_IP)

process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  const code = Buffer.alloc(2)
  code.writeUInt16BE(GOING_AWAY)
  for (const socket of sockets) socket.end(makeFrame(CLOSE, code))
})
