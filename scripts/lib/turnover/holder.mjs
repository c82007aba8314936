// A worker of scripts/soak-turnover.mjs: it takes memory of many kinds and gives it back, in an order that its seed
// decides, and writes into the ledger what it holds.

import { createRequire } from 'node:module'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import vm from 'node:vm'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { collectGarbage } from '../collect-garbage.mjs'
import { Ledger, PASSING } from './ledger.mjs'
import { rsMemusage } from './package.mjs'

const require = createRequire(import.meta.url)
const { externalBuffers } = rsMemusage
const addon = require('../../../__test__/helpers/test-addon')
const { randomFrom } = require('../../../__test__/helpers/random')

const KIB = 1024
const MIB = 1024 * KIB
const PAGE = 4096
const FIVE = 5e6
const WASM_PAGE = 64 * KIB
const HEARTBEAT_MS = 25
/** V8's background threads free what was collected; after this they have, on a machine that does too much as well. */
const SWEEP_MS = 1000
const LARGEST = 50 * MIB

const { ledger, slot: index, seed, changes, target, pauseMs, repertoire } = workerData
const places = new Ledger(ledger)
const slot = places.slot(index)
const random = randomFrom(seed)
const held = []
let heldBytes = 0
let peer = null
let slotOfPeer = null
let lifeOfPeer = null
let stopped = false

/** Memory of JavaScript objects is gone when they were collected and swept. */
const collected = new FinalizationRegistry(({ kind, bytes }) => {
  setTimeout(() => slot.count('gone', kind, bytes), SWEEP_MS)
})

/** Ways to take memory. Each gives [the thing, how to give it back]; where V8 frees it, the thing alone. */
const TAKE = {
  objects: {
    list: (bytes) => [Array.from({ length: bytes / 100 }, (_, index) => ({ index, list: [index] }))],
    large: (bytes) => [new Array(Math.ceil(bytes / 8)).fill(index)],
    strings: (bytes) => [
      Array.from({ length: bytes / 8000 }, (_, index) => `${index}`.padEnd(960, '\u00e9-').split('')),
    ],
    context: (bytes) => {
      const context = vm.createContext({ count: bytes / 100 })
      vm.runInContext(
        'this.kept = Array.from({ length: count }, (_, index) => ({ index, list: [index] }))',
        context,
      )
      return [context]
    },
  },
  buffers: {
    alloc: (bytes) => [Buffer.alloc(bytes, 1)],
    array: (bytes) => [new Uint8Array(bytes).fill(1)],
    resizable: (bytes) => [
      new Uint8Array(new ArrayBuffer(bytes, { maxByteLength: bytes * 2 + WASM_PAGE })).fill(1),
    ],
    tracked: (bytes) => [externalBuffers.track(Buffer.alloc(bytes, 1), { label: 'soak' })],
  },
  shared: {
    plain: (bytes) => [new Uint8Array(new SharedArrayBuffer(bytes)).fill(1)],
  },
  wasm: {
    memory: (bytes) => {
      const pages = Math.ceil(bytes / WASM_PAGE)
      const memory = new WebAssembly.Memory({ initial: 1, maximum: pages * 2 + 1 })
      if (pages > 1) memory.grow(pages - 1)
      return [new Uint8Array(memory.buffer).fill(1)]
    },
  },
  allocated: {
    plain: (bytes) => {
      const buffer = externalBuffers.allocate(bytes, { label: 'soak' }).fill(1)
      return [buffer, () => externalBuffers.release(buffer)]
    },
  },
  small: {
    blocks: (bytes) => {
      const each = 1 * KIB + random(60 * KIB)
      const blocks = Array.from({ length: Math.ceil(bytes / each) }, () => addon.allocateBlock(each, each))
      return [blocks, () => blocks.forEach(addon.freeBlock)]
    },
  },
  blocks: {
    plain: (bytes) => block(bytes),
    split: (bytes) => {
      const [address, free] = block(bytes)
      if (bytes > MIB) addon.splitMapping(address + bytes / 4, bytes / 4, false)
      return [address, free]
    },
  },
  foreign: {
    untouched: (bytes) => mapping(bytes, 0),
    // The size that was seen to merge with malloc's mappings, and to hide them.
    five: () => mapping(5 * MIB, 0),
    begun: (bytes) => mapping(bytes, PAGE),
    written: (bytes) => mapping(bytes, bytes),
    split: (bytes) => {
      const [address, unmap] = mapping(bytes, 0)
      if (bytes > MIB) addon.splitMapping(address + bytes / 2, bytes / 4, false)
      return [address, unmap]
    },
  },
}
/** What of a thing is in memory, where that is not all of it. */
const IN_MEMORY = { untouched: () => 0, five: () => 0, split: () => 0, begun: () => PAGE }

const words = () => {
  const { total_physical_size: physical, total_heap_size: committed } = getHeapStatistics()
  slot.say(physical, committed)
}
const heartbeat = setInterval(words, HEARTBEAT_MS)

parentPort.on('message', ({ port, end, of }) => {
  if (end) {
    stopped = true
    return
  }
  peer?.close()
  peer = port.on('message', receive)
  slotOfPeer = places.slot(of.slot)
  lifeOfPeer = of.life
})
slot.enter(threadId)
parentPort.postMessage('begins')

for (let change = 0; change < changes && !stopped; change++) {
  slot.nextTurn() // odd: something changes
  await changeSomething()
  slot.nextTurn() // even: it rests
  words()
  if (pauseMs > 0) await sleep(random(pauseMs))
  else await nextTurn()
  words()
}
slot.state = PASSING
clearInterval(heartbeat)
peer?.close()
while (held.length > 0) drop(held.pop())
parentPort.close()

async function changeSomething() {
  const move = random(20)
  if (heldBytes < target / 2 && move > 1) {
    takeAnything()
  } else if (held.length > 0 && (move < 8 || heldBytes > target)) {
    drop(...held.splice(random(held.length), 1))
    if (random(4) === 0) collectGarbage()
  } else if (move === 8) {
    collectGarbage()
  } else if (move < 11 && peer) {
    give()
  } else {
    takeAnything()
  }
  await nextTurn()
}

function takeAnything() {
  const [kind, how] = repertoire[random(repertoire.length)].split('.')
  const ways = Object.keys(TAKE[kind])
  take(kind, how ?? ways[random(ways.length)])
}

/**
 * 64 KiB to 50 MiB, small ones more often; whole pages, or some bytes more or less. A third are multiples of 5 MB: equal
 * ones and unequal ones side by side.
 */
function anySize() {
  const most = Math.min(LARGEST, target)
  if (random(3) === 0 && most > FIVE) return FIVE * (1 + random(Math.floor(most / FIVE)))
  const bytes = Math.floor(64 * KIB * (most / (64 * KIB)) ** (random(1000) / 1000))
  const odd = [0, -64, -16, 1, 13, PAGE / 2][random(6)]
  return Math.max(PAGE, Math.ceil(bytes / PAGE) * PAGE + odd)
}

function take(kind, how) {
  const size = anySize()
  const bytes = inMemory(kind, how, size)
  slot.count('begun', kind, bytes)
  const [thing, free] = TAKE[kind][how](size)
  slot.count('made', kind, bytes)
  keep({ kind, bytes, thing, free, weight: bytes + MIB }) // even what is not in memory is bounded
}

function inMemory(kind, how, size) {
  return kind === 'foreign' ? (IN_MEMORY[how]?.(size) ?? size) : size
}

function keep(entry) {
  if (!entry.free)
    collected.register(entry.thing.buffer ?? entry.thing, { kind: entry.kind, bytes: entry.bytes }, entry)
  held.push(entry)
  heldBytes += entry.weight
}

function drop({ kind, bytes, free, weight }) {
  heldBytes -= weight
  slot.count('dropping', kind, bytes)
  if (!free) return // the registry says when it is gone
  free()
  slot.count('gone', kind, bytes)
}

/** Transfers a buffer to another worker. */
function give() {
  if (slotOfPeer.life !== lifeOfPeer) return // it has ended
  const at = held.findIndex(
    ({ kind, thing }) => ['buffers', 'received'].includes(kind) && thing.length === thing.buffer.byteLength,
  )
  if (at < 0) return
  const [entry] = held.splice(at, 1)
  heldBytes -= entry.weight
  slot.count('dropping', entry.kind, entry.bytes)
  collected.unregister(entry)
  // For the other one: V8 makes a buffer of it before the listener there is called.
  slotOfPeer.count('begun', 'received', entry.thing.length)
  peer.postMessage(entry.thing, [entry.thing.buffer])
  slot.count('gone', entry.kind, entry.bytes)
}

function receive(thing) {
  const rests = slot.turn % 2 === 0
  if (rests) slot.nextTurn()
  slot.count('made', 'received', thing.length)
  keep({ kind: 'received', bytes: thing.length, thing, weight: thing.length })
  if (rests) slot.nextTurn()
}

function block(bytes) {
  const address = addon.allocateBlock(bytes, bytes)
  return [address, () => addon.freeBlock(address)]
}

function mapping(bytes, written) {
  const length = Math.ceil(bytes / PAGE) * PAGE
  const address = addon.mapForeign(length, Math.min(written, length))
  return [address, () => addon.unmapForeign(address, length)]
}
