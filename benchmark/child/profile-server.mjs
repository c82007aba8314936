// An http server that allocates for each request, with or without a profile of buffers running.
//
//   node profile-server.mjs on|off chunks|pieces       forked: tells its port, and its CPU microseconds when asked

import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const { profile } = createRequire(import.meta.url)('../../lib/buffer-profile')

const CHUNK = 16 * 1024
const ANSWER = 1024
const [mode, kind] = process.argv.slice(2)

/** What the last requests allocated: part of what a server allocates is alive. */
const recent = Array(256)
let requests = 0

const work = { chunks, pieces }[kind]
if (mode === 'on') profile.start()

const server = createServer((_, response) => {
  const body = work()
  recent[requests++ % recent.length] = body
  response.setHeader('Content-Length', ANSWER)
  response.end(body.subarray(0, ANSWER))
})

/** A body in chunks, as of a file or an upload: 64 KiB in four allocations, zeroed, filled and copied. */
function chunks() {
  const head = Buffer.from(JSON.stringify({ request: requests, chunk: CHUNK }))
  return Buffer.concat([head, Buffer.alloc(CHUNK, 1), new Uint8Array(CHUNK)])
}

/** The worst case, an encoder of small records: 20 KiB in fifty allocations and views, and hardly any other work. */
function pieces() {
  const records = Array.from({ length: 16 }, (_, index) => {
    const head = Buffer.from(`record ${index} of request ${requests}`)
    return Buffer.concat([head, new Uint8Array(64)])
  })
  const numbers = new Float64Array(512).map((_, index) => index / 7)
  return Buffer.concat([...records, new Uint8Array(numbers.buffer)])
}

server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpuMicros: user + system })
})
