// An http server that allocates much for each request, with or without a profile of buffers running.
//
//   node profile-server.mjs on|off       forked: tells its port, and its CPU time in microseconds when asked

import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const { profile } = createRequire(import.meta.url)('../../lib/buffer-profile')

const RECORDS = 16
const CHUNKS = 4
const CHUNK = 8 * 1024

if (process.argv[2] === 'on') profile.start()

/** What the last requests allocated: the samples of a server are partly alive. */
const recent = Array(256)
let requests = 0

const server = createServer((_, response) => {
  const body = work()
  recent[requests++ % recent.length] = body
  response.setHeader('Content-Length', 1024)
  response.end(body.subarray(0, 1024))
})

/** Some 100 KiB in 30 allocations of all sizes, and a little work on them. */
function work() {
  const records = Array.from({ length: RECORDS }, (_, index) => {
    const head = Buffer.from(`record ${index} of request ${requests}`)
    return Buffer.concat([head, new Uint8Array(64)])
  })
  const chunks = Array.from({ length: CHUNKS }, (_, index) => Buffer.alloc(CHUNK, index))
  const numbers = new Float64Array(512).map((_, index) => index / 7)
  return Buffer.concat([...records, ...chunks, new Uint8Array(numbers.buffer)])
}

server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpuMicros: user + system })
})
