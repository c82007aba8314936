'use strict'

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { constants } = require('node:buffer')
const { copyFileSync, mkdtempSync, readdirSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, describe, it } = require('node:test')
const { runInNewContext } = require('node:vm')
const { externalBuffers } = require('..')
const { inChild, MIB, root } = require('./helpers/child')
const { needsCommand } = require('./helpers/commands')
const { pageSize } = require('./helpers/kernel')
const { LIBC } = require('./helpers/libc')

const PAGE = pageSize()
const WITHOUT_V8 = { RS_MEMUSAGE_NO_V8: '1' }

/** What the engine and the test runner do meanwhile; the amounts measured are at least eight times that. */
const NOISE = 8 * MIB

function thrownBy(call) {
  try {
    call()
  } catch ({ name, code, message }) {
    return { name, code, message }
  }
  return 'nothing was thrown'
}

describe('externalBuffers.allocate()', () => {
  it('gives a Buffer of zeros of that size, counted to the byte', async () => {
    const answer = await inChild(() => {
      const { externalBuffers } = require('./index.js')
      // Around the size from which memory is mapped, and around pages.
      const sizes = [1, 15, 16, 4095, 4096, 4097, 65535, 65536, 65537, 1000000]
      return sizes.map((size) => {
        const before = externalBuffers.usage().bytes
        const buffer = externalBuffers.allocate(size)
        const zeros = buffer.every((byte) => byte === 0)
        buffer.fill(255)
        const { bytes, resident } = externalBuffers.usage()
        const good = Buffer.isBuffer(buffer) && buffer.length === size && buffer.byteOffset === 0 && zeros
        return good && bytes - before === size && resident === bytes && buffer.buffer.byteLength === size
      })
    })
    assert.deepEqual(answer, Array(10).fill(true))
  })

  it('allocates nothing for no bytes, which can be released once all the same', () => {
    const before = externalBuffers.usage().count
    const buffer = externalBuffers.allocate(0)
    assert.equal(buffer.length, 0)
    assert.equal(externalBuffers.usage().count, before)
    externalBuffers.release(buffer)
    assert.equal(thrownBy(() => externalBuffers.release(buffer)).code, 'ERR_INVALID_STATE')
  })

  it('makes 1 GiB that occupies nothing until it is touched, then what was touched to the page', async () => {
    const { untouched, half, rssOfHalf, sparse } = await inChild(
      (mib) => {
        const { externalBuffers } = require('./index.js')
        const { pageSize, smapsRollup } = require('./__test__/helpers/kernel.js')
        require('./__test__/helpers/test-addon.js').withoutHugePages()
        const buffers = Array.from({ length: 64 }, () => externalBuffers.allocate(16 * mib))
        const untouched = externalBuffers.usage()
        const before = smapsRollup('Rss')
        for (const buffer of buffers) buffer.fill(1, 0, 8 * mib)
        const half = externalBuffers.list()
        const rssOfHalf = smapsRollup('Rss') - before
        const sparse = externalBuffers.allocate(64 * mib, { label: 'sparse' })
        for (let at = 0; at < sparse.length; at += 10 * pageSize()) sparse[at] = 1
        return { untouched, half, rssOfHalf, sparse: externalBuffers.usage().labels.sparse }
      },
      { args: [MIB] },
    )
    assert.equal(untouched.bytes, 1024 * MIB)
    assert.equal(untouched.resident, 0)
    assert.equal(half.length, 64)
    for (const { bytes, resident } of half) {
      assert.equal(bytes, 16 * MIB)
      assert.ok(Math.abs(resident - 8 * MIB) <= PAGE, `${resident}`)
    }
    assert.ok(Math.abs(rssOfHalf - 512 * MIB) < NOISE, `${rssOfHalf}`)
    assert.equal(sparse.resident, Math.ceil((64 * MIB) / (10 * PAGE)) * PAGE)
  })

  it('is felt by the garbage collector: what is dropped does not pile up', async () => {
    const most = await inChild(
      (mib) => {
        const { externalBuffers, memoryUsage } = require('./index.js')
        for (let round = 0; round < 300; round++) externalBuffers.allocate(16 * mib).fill(1)
        return { peak: memoryUsage.peakRss(), known: externalBuffers.usage().peakBytes }
      },
      { args: [MIB] },
    )
    // 4,800 MiB went through; V8 lets some hundred of external memory wait for its next collection.
    assert.ok(most.peak < 2400 * MIB, `${most.peak}`)
    assert.ok(most.known >= 16 * MIB && most.known < 2400 * MIB, `${most.known}`)
  })

  it('says so when there is no memory left', async () => {
    const error = await inChild(
      () => {
        const { externalBuffers } = require('./index.js')
        const kept = []
        try {
          while (kept.length < 100) kept.push(externalBuffers.allocate(2 ** 32))
        } catch ({ name, code }) {
          return { name, code, isCounted: externalBuffers.usage().count === kept.length }
        }
      },
      { shell: 'ulimit -v 40000000' },
    )
    assert.deepEqual(error, { name: 'RangeError', code: 'ERR_MEMORY_ALLOCATION_FAILED', isCounted: true })
  })
})

describe('externalBuffers.release()', () => {
  it('gives the pages back before it returns, and leaves a buffer of length 0', async () => {
    const answer = await inChild(
      (mib) => {
        const { externalBuffers } = require('./index.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        const kept = externalBuffers.allocate(64 * mib).fill(1)
        const buffer = externalBuffers.allocate(256 * mib).fill(1)
        const part = buffer.subarray(10, 20)
        const before = { rss: smapsRollup('Rss'), usage: externalBuffers.usage() }
        externalBuffers.release(buffer)
        const after = { rss: smapsRollup('Rss'), usage: externalBuffers.usage() }
        const lengths = [buffer.length, part.length, buffer.buffer.byteLength, kept.length]
        return { before, after, lengths, read: [buffer[0], part[0], buffer.toString()].map(String) }
      },
      { args: [MIB] },
    )
    assert.ok(Math.abs(answer.before.rss - answer.after.rss - 256 * MIB) < NOISE)
    assert.equal(answer.before.usage.bytes - answer.after.usage.bytes, 256 * MIB)
    assert.deepEqual(answer.after.usage.freed, { count: 1, bytes: 256 * MIB })
    assert.deepEqual(answer.lengths, [0, 0, 0, 64 * MIB])
    assert.deepEqual(answer.read, ['undefined', 'undefined', ''])
  })

  it('refuses a second time, and whatever did not come from allocate()', () => {
    const buffer = externalBuffers.allocate(100_000)
    const view = buffer.subarray(1, 2)
    externalBuffers.release(view) // any view: it is the memory that is released
    const again = {
      name: 'Error',
      code: 'ERR_INVALID_STATE',
      message: 'Invalid state: the buffer was released or transferred before',
    }
    for (const value of [buffer, view, buffer.buffer]) {
      assert.deepEqual(
        thrownBy(() => externalBuffers.release(value)),
        again,
      )
    }
    const foreign = [
      Buffer.alloc(3),
      Buffer.from('pooled'),
      new SharedArrayBuffer(8),
      externalBuffers.track(new Uint8Array(3)),
      new WebAssembly.Memory({ initial: 1 }).buffer,
    ]
    for (const value of foreign) {
      const length = value.byteLength
      const error = thrownBy(() => externalBuffers.release(value))
      assert.equal(error.code, 'ERR_INVALID_ARG_VALUE')
      assert.match(
        error.message,
        /^The argument 'buffer' must come from externalBuffers\.allocate\(\)\. Received /,
      )
      assert.equal(value.byteLength, length)
    }
    for (const value of [undefined, null, 1, 'x', {}, [], { buffer: buffer.buffer }]) {
      assert.equal(thrownBy(() => externalBuffers.release(value)).code, 'ERR_INVALID_ARG_TYPE')
    }
    const empty = externalBuffers.allocate(0)
    structuredClone(empty.buffer, { transfer: [empty.buffer] })
    assert.deepEqual(
      thrownBy(() => externalBuffers.release(empty)),
      again,
    )
  })

  it('belongs to whoever has the memory now', () => {
    const buffer = externalBuffers.allocate(100_000)
    buffer[99_999] = 7
    const moved = structuredClone(buffer.buffer, { transfer: [buffer.buffer] })
    assert.equal(thrownBy(() => externalBuffers.release(buffer)).code, 'ERR_INVALID_STATE')
    assert.equal(new Uint8Array(moved)[99_999], 7) // nothing was freed by that
    externalBuffers.release(moved)
    assert.equal(moved.byteLength, 0)
  })

  it('happens at the end of `using`, once, and not to what is no longer there', () => {
    const symbol = Symbol.dispose
    assert.equal(typeof symbol, 'symbol')
    const before = externalBuffers.usage().count
    const buffer = externalBuffers.allocate(100)
    assert.ok(!Object.keys(buffer).includes(symbol) && !Object.getOwnPropertySymbols({ ...buffer }).length)
    buffer[symbol]()
    assert.equal(buffer.length, 0)
    buffer[symbol]()
    const moved = externalBuffers.allocate(100)
    const kept = structuredClone(moved.buffer, { transfer: [moved.buffer] })
    moved[symbol]()
    assert.equal(kept.byteLength, 100)
    externalBuffers.release(kept)
    const block = '{ using buffer = allocate(100); globalThis.seen = buffer }'
    try {
      new Function(block)
    } catch {
      return assert.equal(externalBuffers.usage().count, before) // this Node has no `using`
    }
    new Function('allocate', block)(externalBuffers.allocate)
    assert.equal(globalThis.seen.length, 0)
    assert.equal(externalBuffers.usage().count, before)
  })
})

describe('externalBuffers.track()', () => {
  it('gives back what it took, and counts one store once', async () => {
    const counts = await inChild(() => {
      const { externalBuffers } = require('./index.js')
      const counts = []
      const count = (value, options) => {
        const same = externalBuffers.track(value, options) === value
        const { count, bytes, labels } = externalBuffers.usage()
        counts.push([same, count, bytes, Object.keys(labels).join()])
      }
      const buffer = new ArrayBuffer(1000)
      count(buffer)
      count(buffer)
      count(new Uint8Array(buffer, 10, 10), { label: 'view' })
      count(new DataView(buffer), { label: 'last' })
      count(buffer)
      const pooled = Buffer.from('small')
      count(pooled)
      count(Buffer.from('another of the same pool').subarray(3))
      globalThis.kept = [buffer, pooled]
      return [counts, pooled.buffer.byteLength]
    })
    const [seen, pool] = counts
    assert.deepEqual(seen, [
      [true, 1, 1000, 'unlabelled'],
      [true, 1, 1000, 'unlabelled'],
      [true, 1, 1000, 'view'],
      [true, 1, 1000, 'last'],
      [true, 1, 1000, 'last'],
      [true, 2, 1000 + pool, 'unlabelled,last'],
      [true, 2, 1000 + pool, 'unlabelled,last'],
    ])
  })

  it('follows resizing, growth, WebAssembly memories and transfers', async () => {
    const bytes = await inChild(async () => {
      const { externalBuffers } = require('./index.js')
      const { Worker } = require('node:worker_threads')
      const bytes = []
      const note = () => bytes.push(externalBuffers.usage().bytes)
      const resizable = new ArrayBuffer(1000, { maxByteLength: 100000 })
      externalBuffers.track(resizable)
      for (const length of [100000, 10, 0, 500]) {
        resizable.resize(length)
        note()
      }
      const growable = new SharedArrayBuffer(0, { maxByteLength: 100000 })
      externalBuffers.track(growable)
      growable.grow(70000)
      note()
      const memory = new WebAssembly.Memory({ initial: 1 })
      externalBuffers.track(memory.buffer, { label: 'wasm' })
      memory.grow(9)
      note()
      const shared = new WebAssembly.Memory({ initial: 1, maximum: 10, shared: true })
      externalBuffers.track(shared.buffer)
      shared.grow(1)
      note()
      const moved = externalBuffers.track(new ArrayBuffer(64), { label: 'moved' })
      const worker = new Worker(
        `const { parentPort } = require('node:worker_threads')
         parentPort.once('message', (held) => {
           parentPort.postMessage('holds')
           parentPort.once('message', () => process.exit())
         })`,
        { eval: true },
      )
      const holds = new Promise((resolve) => worker.once('message', resolve))
      worker.postMessage(moved, [moved])
      await holds
      global.gc()
      bytes.push(externalBuffers.usage().labels.moved.bytes)
      worker.postMessage('end')
      await new Promise((resolve) => worker.once('exit', resolve))
      bytes.push(externalBuffers.usage().labels.moved ?? 'gone')
      return [bytes, moved.byteLength]
    })
    const wasm = 10 * 65536
    const sums = [100000, 10, 0, 500, 70500, 70500 + wasm, 70500 + wasm + 2 * 65536]
    assert.deepEqual(bytes, [[...sums, 64, 'gone'], 0])
  })

  it('counts shared memory once per process, and until the last thread lets go', async () => {
    const answer = await inChild(async () => {
      const { externalBuffers } = require('./index.js')
      const { collectUntil } = require('./__test__/helpers/collect.js')
      const { Worker } = require('node:worker_threads')
      let shared = new SharedArrayBuffer(1000000)
      externalBuffers.track(shared, { label: 'shared' })
      const script = `
        const { parentPort, workerData } = require('node:worker_threads')
        const { externalBuffers } = require('./index.js')
        globalThis.kept = externalBuffers.track(workerData, { label: 'shared' })
        parentPort.postMessage('ready')
        setInterval(() => {}, 1e6)`
      const start = () =>
        new Promise((resolve) => {
          const worker = new Worker(script, { eval: true, workerData: shared })
          worker.once('message', () => resolve(worker))
        })
      const workers = [await start(), await start()]
      const both = externalBuffers.usage()
      shared = null
      await Promise.all(workers.splice(1).map((worker) => worker.terminate()))
      global.gc()
      const one = externalBuffers.usage()
      await workers[0].terminate()
      const isGone = await collectUntil(() => externalBuffers.usage().count === 0)
      return { both, one, isGone }
    })
    assert.deepEqual([answer.both.count, answer.both.bytes], [1, 1000000])
    assert.deepEqual([answer.one.count, answer.one.bytes], [1, 1000000])
    assert.ok(answer.isGone)
  })

  it('keeps a buffer on the books of the thread that last tracked it, and of none when that is gone', async () => {
    const owners = await inChild(async () => {
      const { externalBuffers } = require('./index.js')
      const { Worker } = require('node:worker_threads')
      const owners = []
      const note = () => owners.push(externalBuffers.usage().threads.map(({ threadId }) => threadId))
      const script = `
        const { parentPort } = require('node:worker_threads')
        const { externalBuffers } = require('./index.js')
        const { buffer } = externalBuffers.allocate(5000000).fill(7)
        parentPort.postMessage('made')
        parentPort.once('message', () => {
          parentPort.postMessage(buffer, [buffer])
          parentPort.close()
        })`
      const worker = new Worker(script, { eval: true })
      const message = () => new Promise((resolve) => worker.once('message', resolve))
      const ends = new Promise((resolve) => worker.once('exit', resolve))
      await message()
      note()
      const arrives = message()
      worker.postMessage('send')
      const buffer = await arrives
      await ends
      note()
      const last = new Uint8Array(buffer).at(-1) // the memory outlives the thread that made it
      externalBuffers.track(buffer)
      note()
      const { source } = externalBuffers.list()[0]
      externalBuffers.release(buffer)
      note()
      return { owners, last, source }
    })
    assert.deepEqual(owners, { owners: [[1], [null], [0], []], last: 7, source: 'allocated' })
  })

  it('refuses what is no buffer, as Node does', () => {
    const values = [
      undefined,
      null,
      1,
      'text',
      {},
      [],
      { buffer: 1 },
      () => {},
      Symbol('x'),
      { byteLength: 8 },
    ]
    for (const value of values) {
      const { name, code, message } = thrownBy(() => externalBuffers.track(value))
      assert.deepEqual([name, code], ['TypeError', 'ERR_INVALID_ARG_TYPE'])
      assert.match(
        message,
        /^The "value" argument must be an instance of ArrayBuffer, .* or DataView\. Received /,
      )
    }
    const liar = Object.defineProperty(new Uint8Array(8), 'buffer', { value: { byteLength: 8 } })
    assert.equal(thrownBy(() => externalBuffers.track(liar)).code, 'ERR_INVALID_ARG_TYPE')
    const detached = new ArrayBuffer(8)
    structuredClone(detached, { transfer: [detached] })
    assert.equal(thrownBy(() => externalBuffers.track(detached)).code, 'ERR_INVALID_STATE')
  })

  it('takes buffers of another realm, and empty ones without an entry', () => {
    const { count } = externalBuffers.usage()
    const foreign = externalBuffers.track(runInNewContext('new ArrayBuffer(10)'))
    externalBuffers.track(new ArrayBuffer(0))
    assert.equal(externalBuffers.usage().count, count + 1)
    assert.equal(foreign.byteLength, 10)
  })
})

describe('arguments of externalBuffers', () => {
  const refusals = [
    [() => externalBuffers.allocate(), 'ERR_INVALID_ARG_TYPE', /^The "size" argument must be of type number/],
    [() => externalBuffers.allocate('1'), 'ERR_INVALID_ARG_TYPE', /Received type string \('1'\)$/],
    [() => externalBuffers.allocate(1.5), 'ERR_OUT_OF_RANGE', /It must be an integer\. Received 1\.5$/],
    [
      () => externalBuffers.allocate(-1),
      'ERR_OUT_OF_RANGE',
      new RegExp(`^The value of "size" is out of range. It must be >= 0 && <= ${constants.MAX_LENGTH}`),
    ],
    [() => externalBuffers.allocate(constants.MAX_LENGTH * 2), 'ERR_OUT_OF_RANGE', /"size"/],
    [() => externalBuffers.allocate(1, null), 'ERR_INVALID_ARG_TYPE', /^The "options" argument/],
    [() => externalBuffers.allocate(1, 'label'), 'ERR_INVALID_ARG_TYPE', /^The "options" argument/],
    [
      () => externalBuffers.allocate(1, { label: 7 }),
      'ERR_INVALID_ARG_TYPE',
      /^The "options\.label" property must be of type string\. Received type number \(7\)$/,
    ],
    [() => externalBuffers.track(new ArrayBuffer(1), { label: null }), 'ERR_INVALID_ARG_TYPE', /label/],
    [
      () => externalBuffers.track(new ArrayBuffer(1), { name: 'x' }),
      'ERR_INVALID_ARG_VALUE',
      /^The property 'options\.name' is unknown; known are label\. Received 'x'$/,
    ],
    [() => externalBuffers.list({ top: -1 }), 'ERR_OUT_OF_RANGE', /"options\.top"/],
    [() => externalBuffers.list({ top: '1' }), 'ERR_INVALID_ARG_TYPE', /"options\.top"/],
    [() => externalBuffers.list({ olderThanMs: -1 }), 'ERR_OUT_OF_RANGE', /"options\.olderThanMs"/],
    [() => externalBuffers.list({ olderThanMs: NaN }), 'ERR_OUT_OF_RANGE', /NaN$/],
    [() => externalBuffers.list({ label: 1 }), 'ERR_INVALID_ARG_TYPE', /"options\.label"/],
    [() => externalBuffers.list({ older: 1 }), 'ERR_INVALID_ARG_VALUE', /known are label, olderThanMs, top/],
  ]

  it('are refused in the words of Node, and leave nothing on the books', () => {
    const { count } = externalBuffers.usage()
    for (const [call, code, message] of refusals) {
      const error = thrownBy(call)
      assert.equal(error.code, code, String(call))
      assert.match(error.message, message)
    }
    assert.ok(externalBuffers.usage().count <= count) // those of tests before may be collected meanwhile
  })
})

describe('externalBuffers.list() and .usage()', () => {
  it('tell what, how much, how much of it in memory, whose and since when', async () => {
    const answer = await inChild(
      async (mib) => {
        const { externalBuffers } = require('./index.js')
        require('./__test__/helpers/test-addon.js').withoutHugePages()
        const large = externalBuffers.allocate(64 * mib, { label: 'large' })
        large.fill(1, 0, 16 * mib)
        const small = externalBuffers.track(Buffer.alloc(1000), { label: '__proto__' })
        await new Promise((resolve) => setTimeout(resolve, 60))
        const young = externalBuffers.track(new SharedArrayBuffer(5000))
        const select = (options) => externalBuffers.list(options).map(({ label }) => label)
        return {
          list: externalBuffers.list(),
          usage: externalBuffers.usage(),
          label: Object.getOwnPropertyDescriptor(externalBuffers.usage().labels, '__proto__').value.bytes,
          old: select({ olderThanMs: 30 }),
          none: select({ olderThanMs: 1e9 }),
          top: select({ top: 1 }),
          nothing: select({ top: 0 }),
          named: select({ label: '__proto__', olderThanMs: 0 }),
          unknown: select({ label: 'nobody' }),
          kept: [large, small, young].length,
        }
      },
      { args: [MIB] },
    )
    const ages = answer.list.map(({ ageMs }) => ageMs)
    assert.deepEqual(
      answer.list.map(({ ageMs, ...entry }) => entry),
      [
        {
          label: 'large',
          bytes: 64 * MIB,
          resident: 16 * MIB,
          threadId: 0,
          source: 'allocated',
          stack: null,
        },
        {
          label: 'unlabelled',
          bytes: 5000,
          resident: answer.list[1].resident,
          threadId: 0,
          source: 'tracked',
          stack: null,
        },
        {
          label: '__proto__',
          bytes: 1000,
          resident: 1000,
          threadId: 0,
          source: 'tracked',
          stack: null,
        },
      ],
    )
    assert.ok(ages[0] >= 50 && ages[2] >= 50 && ages[1] < ages[0], `${ages}`)
    assert.deepEqual([answer.count, answer.label], [undefined, 1000])
    assert.deepEqual(answer.old, ['large', '__proto__'])
    assert.deepEqual([answer.none, answer.nothing, answer.unknown], [[], [], []])
    assert.deepEqual([answer.top, answer.named], [['large'], ['__proto__']])
    const { usage } = answer
    const bytes = 64 * MIB + 6000
    assert.deepEqual([usage.count, usage.bytes, usage.peakBytes], [3, bytes, bytes])
    assert.deepEqual(usage.allocated, { count: 3, bytes })
    assert.deepEqual(usage.freed, { count: 0, bytes: 0 })
    assert.equal(usage.labels.large.resident, 16 * MIB)
    assert.ok(usage.labels.large.oldestMs >= 50)
    assert.deepEqual(usage.threads, [{ threadId: 0, count: 3, bytes, resident: usage.resident }])
    assert.equal(usage.method, 'backing-store')
  })

  it('count a page that several buffers lie on once, between them', async () => {
    const { usage, rss } = await inChild(
      (mib) => {
        const { externalBuffers } = require('./index.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        global.gc()
        const before = smapsRollup('Rss')
        // 64 MiB in pieces of a third of a page.
        globalThis.kept = Array.from({ length: (64 * mib) / 1400 }, () =>
          externalBuffers.allocate(1400).fill(1),
        )
        return { usage: externalBuffers.usage(), rss: smapsRollup('Rss') - before }
      },
      { args: [MIB] },
    )
    assert.equal(usage.resident, usage.bytes)
    assert.ok(usage.resident < rss)
  })

  it('know the most that was ever held', async () => {
    const [peak, bytes] = await inChild(() => {
      const { externalBuffers } = require('./index.js')
      const buffers = Array.from({ length: 10 }, () => externalBuffers.allocate(1000000))
      for (const buffer of buffers) externalBuffers.release(buffer)
      for (let round = 0; round < 100; round++) externalBuffers.release(externalBuffers.allocate(1000000))
      const { peakBytes, bytes } = externalBuffers.usage()
      return [peakBytes, bytes]
    })
    assert.deepEqual([peak, bytes], [10_000_000, 0])
  })
})

describe('what is on the books', () => {
  it('is told to the byte by workerRss() and rssBreakdown(), whose and how much of it is in memory', async () => {
    const { threads, breakdown, deep, id } = await inChild(async () => {
      const { Worker } = require('node:worker_threads')
      const { externalBuffers, rssBreakdown, workerRss } = require('./index.js')
      globalThis.mapped = externalBuffers.allocate(64 * 1024 * 1024).fill(1)
      globalThis.large = externalBuffers.track(Buffer.alloc(32 * 1024 * 1024, 1))
      globalThis.untouched = externalBuffers.allocate(64 * 1024 * 1024)
      const script = `
        const { parentPort, workerData } = require('node:worker_threads')
        const { externalBuffers } = require(workerData)
        globalThis.kept = Array.from({ length: 1024 }, () => externalBuffers.track(Buffer.alloc(65536, 1)))
        parentPort.postMessage('ready')
        setInterval(() => {}, 1000)`
      const worker = new Worker(script, { eval: true, workerData: require.resolve('./index.js') })
      await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
      const answer = { threads: workerRss().threads, breakdown: rssBreakdown(), id: worker.threadId }
      answer.deep = workerRss({ deep: true }).threads
      await worker.terminate()
      return answer
    })
    const of = (threads, threadId) => threads.find((thread) => thread.threadId === threadId)
    assert.equal(of(threads, 0).arrayBuffers, 96 * MIB)
    assert.equal(of(threads, id).arrayBuffers, 64 * MIB)
    // A search finds the same, and what Node itself has in small buffers of each thread.
    for (const [thread, bytes] of [
      [0, 96 * MIB],
      [id, 64 * MIB],
    ]) {
      const others = of(deep, thread).arrayBuffers - bytes
      assert.ok(others >= 0 && others < MIB, String(others))
    }
    assert.equal(breakdown.arrayBuffers.tracked, 224 * MIB)
    assert.equal(breakdown.arrayBuffers.resident, 160 * MIB)
    assert.ok(breakdown.parts.nativeHeap >= 160 * MIB)
    assert.ok(breakdown.parts.other <= breakdown.rss * 0.01)
  })
})

describe('externalBuffers.unaccounted()', () => {
  it('is what V8 knows of and nobody tracks', async () => {
    const [before, mine, theirs, tracked, shared] = await inChild(
      (mib) => {
        const { externalBuffers } = require('./index.js')
        const before = externalBuffers.unaccounted()
        const own = externalBuffers.allocate(64 * mib)
        const mine = externalBuffers.unaccounted()
        const foreign = Buffer.alloc(64 * mib)
        const theirs = externalBuffers.unaccounted()
        externalBuffers.track(foreign)
        const tracked = externalBuffers.unaccounted()
        globalThis.kept = [own, foreign, externalBuffers.track(new SharedArrayBuffer(64 * mib))]
        return [before, mine, theirs, tracked, externalBuffers.unaccounted()]
      },
      { args: [MIB] },
    )
    assert.ok(before < NOISE, `${before}`)
    for (const [now, expected] of [
      [mine, 0],
      [theirs, 64 * MIB],
      [tracked, 0],
      [shared, 0], // V8 does not count what is shared, so it is not taken off either
    ]) {
      assert.ok(now >= 0 && Math.abs(now - before - expected) < NOISE, `${now}`)
    }
  })
})

describe('the books', () => {
  it('end at zero after a million buffers', async () => {
    const { usage, isZero } = await inChild(
      async () => {
        const { externalBuffers } = require('./index.js')
        const { collectUntil } = require('./__test__/helpers/collect.js')
        for (let round = 0; round < 500000; round++) {
          externalBuffers.allocate(100, { label: 'allocated' })
          externalBuffers.track(new ArrayBuffer(100))
        }
        const isZero = await collectUntil(() => externalBuffers.usage().count === 0)
        return { isZero, usage: externalBuffers.usage() }
      },
      { args: [] },
    )
    assert.ok(isZero, JSON.stringify(usage))
    assert.deepEqual(usage.allocated, { count: 1_000_000, bytes: 100_000_000 })
    assert.deepEqual(usage.freed, usage.allocated)
    assert.deepEqual([usage.bytes, usage.resident, usage.labels, usage.threads], [0, 0, {}, []])
  })

  for (const [way, env] of [
    ['backing-store', {}],
    ['finalizer', WITHOUT_V8],
  ]) {
    it(`end at zero after workers of which half were terminated, by way of the ${way}`, async () => {
      const { usage, isZero, most } = await inChild(
        async () => {
          const { externalBuffers } = require('./index.js')
          const { collectUntil } = require('./__test__/helpers/collect.js')
          const { Worker } = require('node:worker_threads')
          let most = 0
          for (let round = 0; round < 6; round++) {
            const start = (count) =>
              new Worker('./__test__/fixtures/buffer-worker.js', { workerData: { count } })
            const [natural, endless] = [start(50000), start()]
            const ends = new Promise((resolve) => natural.once('exit', resolve))
            await Promise.all(
              [natural, endless].map((worker) => new Promise((r) => worker.once('message', r))),
            )
            most = Math.max(most, externalBuffers.usage().threads.length)
            await Promise.all([ends, endless.terminate()])
          }
          const isZero = await collectUntil(() => externalBuffers.usage().count === 0)
          return { isZero, most, usage: externalBuffers.usage() }
        },
        { env },
      )
      assert.ok(isZero, JSON.stringify(usage))
      assert.equal(usage.method, way)
      assert.ok(most >= 1)
      assert.ok(usage.allocated.count >= 6 * 60000, `${usage.allocated.count}`)
      assert.deepEqual(usage.freed, usage.allocated)
    })
  }

  it('agree with a model of random sequences', async () => {
    const seeds = [1, 2, 3, 20261121]
    for (const seed of seeds) {
      const disagreement = await inChild(
        (seed) => require('./__test__/helpers/buffer-model.js').runAgainstModel(seed, 1500),
        { args: [seed] },
      )
      assert.equal(disagreement, null, JSON.stringify(disagreement))
    }
  })
})

describe('externalBuffers by finalizers', () => {
  it('counts, measures, releases and collects', async () => {
    const answer = await inChild(
      async (mib) => {
        const { externalBuffers } = require('./index.js')
        const { collectUntil } = require('./__test__/helpers/collect.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        let buffer = externalBuffers.allocate(256 * mib, { label: 'x' }).fill(1)
        const rss = smapsRollup('Rss')
        let tracked = externalBuffers.track(new ArrayBuffer(64 * mib))
        externalBuffers.track(new Uint8Array(tracked, 5), { label: 'y' })
        const held = externalBuffers.usage()
        externalBuffers.release(buffer)
        const fell = rss - smapsRollup('Rss')
        const codes = []
        for (const value of [buffer, tracked, {}]) {
          try {
            externalBuffers.release(value)
          } catch ({ code }) {
            codes.push(code)
          }
        }
        const length = buffer.length
        buffer = tracked = null
        const isZero = await collectUntil(() => externalBuffers.usage().count === 0)
        return { held, fell, codes, length, isZero, after: externalBuffers.usage() }
      },
      { args: [MIB], env: WITHOUT_V8 },
    )
    const { held, after } = answer
    assert.equal(held.method, 'finalizer')
    assert.deepEqual([held.count, held.bytes], [2, 320 * MIB])
    assert.deepEqual(Object.keys(held.labels), ['x', 'y'])
    assert.ok(held.resident >= 256 * MIB && held.resident < 256 * MIB + NOISE, `${held.resident}`)
    assert.ok(Math.abs(answer.fell - 256 * MIB) < NOISE, `${answer.fell}`)
    assert.deepEqual(answer.codes, ['ERR_INVALID_STATE', 'ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_TYPE'])
    assert.equal(answer.length, 0)
    assert.ok(answer.isZero, JSON.stringify(after))
    assert.deepEqual(after.freed, { count: 2, bytes: 320 * MIB })
  })

  it('believes no property that a buffer was given', async () => {
    const listed = await inChild(
      () => {
        const { externalBuffers } = require('./index.js')
        const spoofs = [Number.NaN, -5, '55', 0].map((value) =>
          Object.defineProperty(new ArrayBuffer(10), 'byteLength', { value }),
        )
        globalThis.kept = [...spoofs, Object.setPrototypeOf(new ArrayBuffer(10), null)]
        for (const buffer of kept) externalBuffers.track(buffer)
        return externalBuffers.list().map(({ bytes }) => bytes)
      },
      { env: WITHOUT_V8 },
    )
    assert.deepEqual(listed, Array(5).fill(10))
  })

  it('counts shared memory once per process, whichever way a thread goes', async () => {
    const counts = await inChild(
      async () => {
        const { externalBuffers } = require('./index.js')
        const { Worker } = require('node:worker_threads')
        const shared = externalBuffers.track(new SharedArrayBuffer(1000000))
        const script = `
          const { externalBuffers } = require('./index.js')
          const { parentPort, workerData } = require('node:worker_threads')
          globalThis.kept = externalBuffers.track(workerData)
          parentPort.postMessage(externalBuffers.usage().method)
          setInterval(() => {}, 1e6)`
        const worker = new Worker(script, { eval: true, workerData: shared })
        const method = await new Promise((resolve) => worker.once('message', resolve))
        const both = externalBuffers.usage()
        await worker.terminate()
        const one = externalBuffers.usage()
        return [method, both.count, both.bytes, one.count, one.bytes, shared.byteLength]
      },
      { env: WITHOUT_V8 },
    )
    assert.deepEqual(counts, ['finalizer', 1, 1000000, 1, 1000000, 1000000])
  })

  it('is the way in runtimes that only look like Node', async () => {
    const methods = await inChild(() => {
      Object.defineProperty(process, 'versions', { value: { ...process.versions, electron: '1.0.0' } })
      return require('./index.js').externalBuffers.usage().method
    })
    assert.equal(methods, 'finalizer')
  })
})

describe('two copies of the package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-copy-'))
  after(() => rmSync(folder, { recursive: true }))

  it('share the books when they share the binary', async () => {
    const answer = await inChild(() => {
      const first = require('./index.js').externalBuffers
      for (const id of Object.keys(require.cache)) delete require.cache[id]
      const second = require('./index.js').externalBuffers
      const buffer = first.allocate(1000)
      second.track(buffer, { label: 'second' })
      const both = [first.usage().bytes, second.usage().bytes, second.list()[0].label]
      second.release(buffer)
      return [first === second, ...both, first.usage().count]
    })
    assert.deepEqual(answer, [false, 1000, 1000, 'second', 0])
  })

  it('keep books of their own when they do not, and disturb nobody', async () => {
    const binary = readdirSync(root).find((file) => file.endsWith(`-${process.arch}-${LIBC}.node`))
    const copy = join(folder, 'copy.node')
    copyFileSync(join(root, binary), copy)
    const answer = await inChild(
      (copy) => {
        const first = require('./index.js').externalBuffers
        for (const id of Object.keys(require.cache)) delete require.cache[id]
        process.env.RS_MEMUSAGE_NATIVE_PATH = copy
        const second = require('./index.js').externalBuffers
        const buffer = first.allocate(1000)
        second.track(buffer)
        const both = [first.usage().bytes, second.usage().bytes]
        let code
        try {
          second.release(buffer)
        } catch (error) {
          code = error.code
        }
        first.release(buffer)
        return [...both, code, first.usage().count, second.usage().count]
      },
      { args: [copy] },
    )
    assert.deepEqual(answer, [1000, 1000, 'ERR_INVALID_ARG_VALUE', 0, 0])
  })
})

describe('include/rs_memusage.h', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-declaring-'))
  const addon = join(folder, 'declaring.node')
  after(() => rmSync(folder, { recursive: true }))

  it(
    'lets an addon declare memory from any thread, and does nothing while nobody listens',
    needsCommand('cc'),
    async () => {
      const source = join(root, 'tests', 'declaring_addon', 'declaring.c')
      const flags = ['-std=c99', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-shared', '-fPIC']
      execFileSync('cc', [...flags, source, '-o', addon, '-ldl', '-lpthread'])
      const answer = await inChild(
        (addon) => {
          const { hold, holdInThread, drop } = require(addon)
          const early = hold(10)
          drop(early)
          const { externalBuffers, workerRss } = require('./index.js')
          const handles = [hold(1000000), holdInThread(234)]
          const held = externalBuffers.usage()
          const { declared } = workerRss()
          const entry = externalBuffers.list({ label: 'declaring addon', top: 1 })[0]
          for (const handle of [...handles, ...handles, 0, 12345]) drop(handle)
          return { early, held, declared, entry, after: externalBuffers.usage() }
        },
        { args: [addon] },
      )
      const amount = { count: 2, bytes: 1_000_234, resident: null }
      assert.equal(answer.early, 0)
      assert.deepEqual([answer.held.count, answer.held.bytes, answer.held.resident], Object.values(amount))
      assert.deepEqual(answer.held.threads, [{ threadId: null, ...amount }])
      assert.equal(answer.declared, amount.bytes)
      const { ageMs, ...entry } = answer.entry
      assert.ok(ageMs >= 0)
      assert.deepEqual(entry, {
        label: 'declaring addon',
        bytes: 1_000_000,
        resident: null,
        threadId: null,
        source: 'declared',
        stack: null,
      })
      assert.deepEqual(answer.after.freed, { count: 2, bytes: 1_000_234 })
      assert.equal(answer.after.count, 0)
    },
  )

  it('is C++ too', needsCommand('c++'), () => {
    execFileSync('c++', ['-x', 'c++', '-fsyntax-only', '-Wall', '-Wextra', '-Werror', header()])
  })

  function header() {
    return join(root, 'include', 'rs_memusage.h')
  }
})
