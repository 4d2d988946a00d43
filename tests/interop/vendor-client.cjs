/*
 * vendor-client.cjs - the vendor's own client (@kandy-io/cpaas-sdk), driven by lines, for the interop test.
 *
 *   node vendor-client.cjs USER PASSWORD        (KANDY_BASE_URL and NODE_EXTRA_CA_CERTS say where the server is)
 *
 * It logs in and subscribes as quickstart pages show it, then obeys JSON lines on stdin:
 *   {"to":"bob@...","text":"hi","file":"/path"}       sends a message (text or file may be missing)
 * and prints JSON lines: {"event":"subscribed"}, {"event":"sent",...}, {"event":"message",...} with the SHA-256 of every
 * file that it downloaded through the client's own links, {"event":"error",...}. It ends when stdin does.
 *
 * The client is made for browsers: below are stand-ins for the few things of a browser that it touches.
 */
'use strict'
const { File } = require('node:buffer') // a global since Node 20
const { createHash } = require('node:crypto')
const { readFileSync } = require('node:fs')
const path = require('node:path')
const readline = require('node:readline')
const modules = process.env.INTEROP_MODULES || path.join(__dirname, 'node_modules')
const load = name => require(require.resolve(name, { paths: [path.dirname(modules)] }))

// ---- stand-ins ------------------------------------------------------------------------------------------------------

class FileReader {
  readAs (promise) {
    promise.then(result => { this.result = result; this.onload() }, error => { this.error = error; this.onerror(error) })
  }

  readAsText (blob) { this.readAs(blob.text()) }
  readAsArrayBuffer (blob) { this.readAs(blob.arrayBuffer()) }
}

class XMLHttpRequest {
  constructor () { this.headers = {}; this.responseType = '' }
  open (method, url) { this.method = method; this.url = url }
  setRequestHeader (name, value) { this.headers[name] = value }
  getAllResponseHeaders () { return this.responseHeaders }

  async send (body) {
    try {
      const answer = await nodeFetch(this.url, { method: this.method, headers: this.headers, body: body || undefined })
      this.response = await answer.blob()
      this.status = answer.status
      this.statusText = answer.statusText
      this.responseURL = answer.url
      this.responseHeaders = [...answer.headers].map(pair => pair.join(': ')).join('\r\n')
    } catch (error) {
      this.onerror(error)
      return
    }
    this.onload()
  }
}

const nodeFetch = globalThis.fetch
const blobs = new Map() // what the client made links of
URL.createObjectURL = blob => {
  const url = `blob:${blobs.size}`
  blobs.set(url, blob)
  return url
}
Object.assign(globalThis, {
  window: globalThis,
  self: globalThis,
  document: { createElement: () => ({}), addEventListener () {} },
  addEventListener () {},
  FileReader,
  XMLHttpRequest,
  WebSocket: load('ws')
})
Object.defineProperty(globalThis, 'navigator', {
  configurable: true,
  value: { userAgent: 'node', mediaDevices: { addEventListener () {}, enumerateDevices: async () => [] } }
})

// ---- the client -----------------------------------------------------------------------------------------------------

const print = line => process.stdout.write(JSON.stringify(line) + '\n')
console.log = console.info = console.warn = console.error = console.debug = () => {} // its chatter
const [user, password] = process.argv.slice(2)
const base = new URL(process.env.KANDY_BASE_URL)
const client = load('@kandy-io/cpaas-sdk').create({
  logs: { logLevel: 'silent', logActions: false },
  subscription: { expires: 3600 },
  authentication: { server: { protocol: 'https', base: base.hostname, port: base.port }, clientCorrelator: 'interop' }
})

async function login () {
  const form = { client_id: process.env.KANDY_CLIENT_ID, username: user, password, grant_type: 'password', scope: 'openid' }
  const answer = await nodeFetch(`${base.origin}/cpaas/auth/v1/token`, { method: 'POST', body: new URLSearchParams(form) })
  const tokens = await answer.json()
  if (!answer.ok) throw new Error(`token: ${answer.status} ${JSON.stringify(tokens)}`)
  client.setTokens({ accessToken: tokens.access_token, idToken: tokens.id_token })
  client.services.subscribe(['chat'], 'websocket')
}

const shown = new Set()

/* Prints each message that came, once all of its files are there; until then it asks the client to fetch them. */
async function look () {
  for (const conversation of client.conversation.getAll()) {
    for (const message of client.conversation.get(conversation.destination, { type: conversation.type }).getMessages()) {
      if (!message.messageId || shown.has(message.messageId) || message.sender === user) continue
      const files = message.parts.filter(part => part.type === 'file')
      if (files.some(part => !part.url)) {
        if (!message.isFetchingLinks) message.createImageLinks()
        continue
      }
      shown.add(message.messageId)
      const parts = []
      for (const part of message.parts) {
        if (part.type !== 'file') parts.push({ type: part.type, text: part.text })
        else {
          const bytes = Buffer.from(await blobs.get(part.url).arrayBuffer())
          parts.push({ type: 'file', name: part.name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
        }
      }
      print({ event: 'message', messageId: message.messageId, sender: message.sender, parts })
    }
  }
}

client.on('subscription:change', () => {
  const now = client.services.getSubscriptions()
  if (!now.isPending && now.subscribed.length) print({ event: 'subscribed', services: now.subscribed })
})
for (const event of ['messages:change', 'conversations:change']) client.on(event, look)
for (const event of ['subscription:error', 'messages:error', 'conversations:error', 'auth:error', 'request:error']) {
  client.on(event, detail => print({ event: 'error', kind: event, detail: String(detail && detail.error && detail.error.message) }))
}

function obey (line) {
  const order = JSON.parse(line)
  const conversation = client.conversation.create([order.to], { type: 'im' })
  const message = conversation.createMessage(order.text)
  if (order.file) {
    const name = path.basename(order.file)
    message.addPart({ type: 'file', file: new File([readFileSync(order.file)], name, { type: 'application/octet-stream' }) })
  }
  message.send()
  print({ event: 'ordered', to: order.to })
}

login().catch(error => { print({ event: 'error', kind: 'login', detail: error.message }) })
readline.createInterface({ input: process.stdin }).on('line', obey).on('close', () => process.exit(0))
