'use strict'

// Random sequences of everything that can happen to a buffer, beside a model of what the books must say.

const { externalBuffers } = require('../..')
const { collectUntil } = require('./collect')
const { randomFrom } = require('./random')

const canTransfer = typeof ArrayBuffer.prototype.transfer === 'function'

/** Runs so many steps; gives the first disagreement, or null. */
async function runAgainstModel(seed, steps) {
  const random = randomFrom(seed)
  /** Live stores: the ArrayBuffer that has each now, its label, and whether it is ours. */
  const stores = []
  /** Bytes of stores that were dropped and may not be collected yet. */
  let pending = { count: 0, bytes: 0 }
  let allocated = 0
  const label = () => ['a', 'b', undefined][random(3)]
  const options = (name) => (name === undefined ? undefined : { label: name })
  const size = () => (random(8) === 0 ? 65_536 + random(500_000) : 1 + random(5_000))
  const pick = (is = () => true) => {
    const fitting = stores.filter(is)
    return fitting[random(fitting.length)]
  }
  const isPlain = ({ buffer }) => buffer instanceof ArrayBuffer && !buffer.resizable
  const remove = (store) => stores.splice(stores.indexOf(store), 1)
  const enter = (buffer, name, isOurs = false) => {
    stores.push({ buffer, label: name ?? 'unlabelled', isOurs })
    allocated++
  }

  const operations = {
    allocate() {
      const name = label()
      enter(externalBuffers.allocate(size(), options(name)).buffer, name, true)
    },
    track() {
      const name = label()
      const made = [
        () => new ArrayBuffer(size()),
        () => Buffer.allocUnsafeSlow(size()),
        () => new Float64Array(1 + random(500)),
        () => new SharedArrayBuffer(size()),
        () => new ArrayBuffer(size(), { maxByteLength: 1_000_000 }),
        () => new SharedArrayBuffer(size(), { maxByteLength: 1_000_000 }),
      ]
      const value = externalBuffers.track(made[random(made.length)](), options(name))
      enter(ArrayBuffer.isView(value) ? value.buffer : value, name)
    },
    trackViewAgain() {
      const store = pick()
      if (!store) return
      const name = label()
      const middle = Math.floor(store.buffer.byteLength / 2)
      externalBuffers.track(new Uint8Array(store.buffer, middle), options(name))
      store.label = name ?? store.label
    },
    sliceAndClone() {
      const store = pick()
      if (!store) return
      store.copy = [store.buffer.slice(0), structuredClone(store.buffer)] // a shared one is the same store again
    },
    transfer() {
      const store = pick(isPlain)
      if (!store) return
      store.buffer =
        canTransfer && random(2)
          ? store.buffer.transfer()
          : structuredClone(store.buffer, { transfer: [store.buffer] })
    },
    resize() {
      const store = pick(({ buffer }) => buffer.resizable)
      store?.buffer.resize(1 + random(1_000_000))
    },
    grow() {
      const store = pick(({ buffer }) => buffer.growable)
      const length = store?.buffer.byteLength
      store?.buffer.grow(length + random(1_000_001 - length))
    },
    release() {
      const store = pick(({ isOurs }) => isOurs)
      if (!store) return
      externalBuffers.release(random(2) ? store.buffer : new Uint8Array(store.buffer))
      remove(store)
    },
    drop() {
      const store = pick()
      if (!store) return
      pending = { count: pending.count + 1, bytes: pending.bytes + store.buffer.byteLength }
      remove(store)
    },
  }
  const names = Object.keys(operations)
  const weights = [...names, 'allocate', 'track', 'drop', 'release']

  const expected = () => ({
    count: stores.length,
    bytes: stores.reduce((sum, { buffer }) => sum + buffer.byteLength, 0),
  })
  const agrees = () => {
    const { count, bytes } = externalBuffers.usage()
    const live = expected()
    return count === live.count && bytes === live.bytes
  }
  for (let step = 1; step <= steps; step++) {
    const name = weights[random(weights.length)]
    operations[name]()
    const { count, bytes, allocated: ever, freed } = externalBuffers.usage()
    const live = expected()
    const problem =
      count < live.count ||
      count > live.count + pending.count ||
      bytes < live.bytes ||
      bytes > live.bytes + pending.bytes ||
      ever.count !== allocated ||
      ever.count - freed.count !== count ||
      ever.bytes - freed.bytes !== bytes
    if (problem) return { seed, step, name, said: { count, bytes, ever, freed }, live, pending, allocated }
    if (step % 100 > 0) continue
    if (!(await collectUntil(agrees))) return { seed, step, said: externalBuffers.usage(), live: expected() }
    pending = { count: 0, bytes: 0 }
    const wrong = disagreementByLabel(stores)
    if (wrong) return { seed, step, ...wrong }
  }
  return null
}

function disagreementByLabel(stores) {
  const { labels } = externalBuffers.usage()
  for (const name of ['a', 'b', 'unlabelled']) {
    const own = stores.filter(({ label }) => label === name)
    const bytes = own.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)
    const said = labels[name] ?? { count: 0, bytes: 0 }
    if (said.count !== own.length || said.bytes !== bytes)
      return { name, said, live: { count: own.length, bytes } }
  }
  const listed = externalBuffers
    .list()
    .map((entry) => entry.bytes)
    .join()
  const held = stores
    .map(({ buffer }) => buffer.byteLength)
    .sort((one, other) => other - one)
    .join()
  return listed === held ? null : { name: 'list', said: listed, live: held }
}

module.exports = { runAgainstModel }
