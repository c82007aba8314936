'use strict'

// Results in pieces of 100 KB, as programs get them: below the size from which malloc gives a mapping to each. Those of
// sharp and crypto are allocated on threads of libuv's pool, in the arenas of these, whoever asked for them.

const crypto = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')
const zlib = require('node:zlib')

const PIECE = 100_000

const sources = {
  sharp() {
    const sharp = require('sharp')
    const create = { width: 250, height: 100, channels: 4, background: 'red' }
    return () => sharp({ create }).raw().toBuffer()
  },
  crypto: () => () => promisify(crypto.pbkdf2)('password', 'salt', 1, PIECE, 'sha1'),
  async webcrypto() {
    const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt'])
    const plain = Buffer.alloc(PIECE - 16, 1)
    return () => crypto.subtle.encrypt({ name: 'AES-GCM', iv: Buffer.alloc(12) }, key, plain)
  },
  zlib() {
    const packed = zlib.deflateSync(crypto.randomBytes(PIECE))
    return () => promisify(zlib.inflate)(packed, { chunkSize: PIECE })
  },
  fs() {
    const file = path.join(os.tmpdir(), `memusage-piece-${process.pid}-${Math.random()}`)
    fs.writeFileSync(file, Buffer.alloc(PIECE, 1))
    process.once('exit', () => fs.rmSync(file, { force: true }))
    return () => fs.promises.readFile(file)
  },
}

/** As many results of one source as make `bytes`, four at a time. */
async function results(source, bytes) {
  const result = await sources[source]()
  const results = []
  while (results.length * PIECE < bytes) {
    results.push(...(await Promise.all([result(), result(), result(), result()])))
  }
  return results
}

module.exports = { results, PIECE, SOURCES: Object.keys(sources) }
