'use strict'

const assert = require('node:assert/strict')
const { mkdtempSync, readFileSync, rmSync } = require('node:fs')
const { Session } = require('node:inspector')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, afterEach, before, describe, it } = require('node:test')
const { pathToFileURL } = require('node:url')
const { gunzipSync } = require('node:zlib')
const { Worker } = require('node:worker_threads')
const { Profile: Pprof } = require('pprof-format')
const { profile, stackOf } = require('../lib/buffer-profile')
const { allocateAll, expected } = require('./fixtures/five-sites')
const { MIB, inChild } = require('./helpers/child')

/** So small that every allocation is sampled, and stands for itself alone. */
const EVERY = { sampleBytes: 1 }
const SIZE = 4096 * 8
const [major] = process.versions.node.split('.').map(Number)
const TypedArray = Object.getPrototypeOf(Uint8Array)

afterEach(() => {
  try {
    profile.stop() // after a test that failed in the middle
  } catch (error) {
    assert.equal(error.code, 'ERR_INVALID_STATE')
  }
})

describe('the sites of a buffer profile', () => {
  // A slow machine draws fewer samples than one in 512 KiB: the rate keeps to a budget of time.
  it('hold what was allocated there, within a quarter at the default rate', () => {
    profile.start()
    let held = allocateAll()
    const { sites, liveBytes } = profile.stop()
    assert.ok(held.length > 0)
    held = null
    let sum = 0
    for (const [name, bytes] of Object.entries(expected)) {
      const found = bytesOf(sites, name)
      assert.ok(Math.abs(found - bytes) < bytes / 4, `${name}: ${found} of ${bytes}`)
      sum += found
    }
    assert.ok(Math.abs(liveBytes - sum) < MIB, 'nothing else allocated')
  })

  it('are right on average also for buffers much smaller than the distance of samples', () => {
    const count = 100_000
    profile.start({ sampleBytes: 2048 })
    const held = Array.from({ length: count }, function tiny(_, index) {
      return index % 2 ? new Uint8Array(200) : new ArrayBuffer(56)
    })
    const { sites } = profile.stop()
    const bytes = (held.length / 2) * (200 + 56)
    const found = bytesOf(sites, 'tiny')
    assert.ok(Math.abs(found - bytes) < bytes / 10, `${found} of ${bytes}`)
    const buffers = sites.filter(named('tiny')).reduce((sum, site) => sum + site.count, 0)
    assert.ok(Math.abs(buffers - count) < count / 10, `${buffers} of ${count}`)
  })

  it('do not hold what was dropped, not even in the job that dropped it', () => {
    const held = []
    const keep = () => held.push(Buffer.alloc(MIB))
    const drop = () => Buffer.alloc(MIB).length
    profile.start()
    for (let times = 0; times < 64; times++) {
      keep()
      drop()
    }
    globalThis.gc()
    const { sites } = profile.stop()
    assert.ok(Math.abs(bytesOf(sites, 'keep') - 64 * MIB) < 20 * MIB)
    assert.ok(bytesOf(sites, 'drop') < 3 * MIB, 'but for one in a register')
    assert.equal(held.length, 64)
  })

  it('do not keep alive what was sampled', () => {
    const heldNow = () => process.memoryUsage().arrayBuffers
    profile.start(EVERY)
    const before = heldNow()
    for (let times = 0; times < 200; times++) new Uint8Array(MIB)
    globalThis.gc()
    // V8 frees them in the background, which may still be at it.
    assert.ok(heldNow() - before < 100 * MIB, `${before}, ${heldNow()}`)
    profile.stop()
  })

  it('forget the dead also when there are many', () => {
    profile.start(EVERY)
    const kept = []
    for (let index = 0; index < 20_000; index++) {
      const buffer = new ArrayBuffer(100)
      if (index % 100 === 0) kept.push(buffer)
      if (index % 5000 === 0) globalThis.gc()
    }
    globalThis.gc()
    const live = profile.stop().liveBytes
    assert.ok(live >= kept.length * 100 && live < kept.length * 100 + 2000, `${live}`)
  })

  it('are told apart by line and by callers', () => {
    const held = []
    const allocate = () => held.push(new Uint8Array(SIZE))
    const one = () => allocate()
    const other = () => allocate()
    profile.start(EVERY)
    one()
    for (let times = 0; times < 2; times++) other()
    const sites = profile.stop().sites.filter(named('allocate'))
    assert.deepEqual(
      sites.map(({ bytes, count, stack }) => [bytes, count, stack[1].split(' ')[0]]),
      [
        [2 * SIZE, 2, 'other'],
        [SIZE, 1, 'one'],
      ],
    )
    for (const { stack } of sites) {
      assert.match(stack[0], /^allocate \(\/.*buffer-profile\.test\.js:\d+:\d+\)$/)
      for (const frame of stack) assert.doesNotMatch(frame, /lib\/profile/)
    }
  })

  it('lead back over await', async () => {
    async function waits() {
      await undefined
      return new ArrayBuffer(SIZE)
    }
    async function callsWhatWaits() {
      return await waits()
    }
    profile.start(EVERY)
    const held = await callsWhatWaits()
    const [{ stack }] = profile.stop().sites.filter(({ bytes }) => bytes === held.byteLength)
    assert.deepEqual(
      stack.slice(0, 2).map((frame) => frame.split(' ')[0]),
      ['waits', 'callsWhatWaits'],
    )
  })
})

/** What creates, from a source made before, and the bytes that it allocates. */
const CREATIONS = {
  'new ArrayBuffer()': [() => new ArrayBuffer(SIZE)],
  'new ArrayBuffer(), resizable': [() => new ArrayBuffer(SIZE, { maxByteLength: 2 * SIZE })],
  'new SharedArrayBuffer()': [() => new SharedArrayBuffer(SIZE)],
  'new Uint8Array(length)': [() => new Uint8Array(SIZE)],
  'new Float64Array(length)': [() => new Float64Array(SIZE / 8)],
  'new BigInt64Array(length)': [() => new BigInt64Array(SIZE / 8)],
  'new Uint16Array(array)': [() => new Uint16Array(new Array(SIZE / 2).fill(1))],
  'new Uint8Array(typed array)': [(source) => new Uint8Array(source)],
  'new Uint8Array(iterable)': [() => new Uint8Array(new Set(Array(SIZE).keys()))],
  'new Uint8Array(buffer), a view': [(source) => new Uint8Array(source.buffer), 0],
  'new Uint8Array(shared buffer), a view': [() => new Uint8Array(shared), 0],
  'new DataView(buffer)': [(source) => new DataView(source.buffer), 0],
  'new Uint8Array(0)': [() => new Uint8Array(0), 0],
  'Reflect.construct()': [() => Reflect.construct(Uint8Array, [SIZE])],
  'ArrayBuffer.prototype.slice': [(source) => source.buffer.slice(0, 1000), 1000],
  'SharedArrayBuffer.prototype.slice': [() => shared.slice(0, 1000), 1000],
  'Uint8Array.from()': [(source) => Uint8Array.from(source)],
  'Uint8Array.of()': [() => Uint8Array.of(...new Array(1000).fill(1)), 1000],
  'TypedArray.prototype.slice': [(source) => source.slice(0, 1000), 1000],
  'TypedArray.prototype.map': [(source) => source.map((byte) => byte)],
  'TypedArray.prototype.filter': [(source) => source.filter((_, index) => index < 1000), 1000],
  'TypedArray.prototype.toReversed': [(source) => source.toReversed()],
  'TypedArray.prototype.toSorted': [(source) => source.toSorted()],
  'TypedArray.prototype.with': [(source) => source.with(0, 1)],
  'TypedArray.prototype.subarray, a view': [(source) => source.subarray(0, 1000), 0],
  'Buffer.alloc()': [() => Buffer.alloc(SIZE)],
  'Buffer.alloc() with a fill': [() => Buffer.alloc(SIZE, 'abc')],
  'Buffer.allocUnsafe()': [() => Buffer.allocUnsafe(SIZE)],
  'Buffer.allocUnsafeSlow()': [() => Buffer.allocUnsafeSlow(1000), 1000],
  'Buffer.from(string)': [() => Buffer.from('x'.repeat(SIZE))],
  'Buffer.from(base64)': [() => Buffer.from('YWJj'.repeat(SIZE / 4), 'base64'), (SIZE / 4) * 3],
  'Buffer.from(array)': [() => Buffer.from(new Array(SIZE).fill(1))],
  'Buffer.from(typed array)': [(source) => Buffer.from(source)],
  'Buffer.from(buffer), a view': [(source) => Buffer.from(source.buffer), 0],
  'Buffer.concat()': [(source) => Buffer.concat([source])],
  'Buffer.copyBytesFrom()': [(source) => Buffer.copyBytesFrom(source)],
  'Buffer.of()': [() => Buffer.of(...new Array(1000).fill(1)), 1000],
  'Buffer.prototype.map': [(_, buffer) => buffer.map((byte) => byte)],
  'Buffer.prototype.filter': [(_, buffer) => buffer.filter((_, index) => index < 1000), 1000],
  'Buffer.prototype.subarray, a view': [(_, buffer) => buffer.subarray(0, 1000), 0],
  'TypedArray.prototype.slice of a Buffer': [(_, buffer) => Uint8Array.prototype.slice.call(buffer)],
}
if (major >= 22) {
  CREATIONS['transfer() to more'] = [() => before64().transfer(SIZE)]
  CREATIONS['transferToFixedLength() to more'] = [() => before64().transferToFixedLength(SIZE)]
}
if (Uint8Array.fromBase64) {
  CREATIONS['Uint8Array.fromBase64()'] = [
    () => Uint8Array.fromBase64('YWJj'.repeat(SIZE / 4)),
    (SIZE / 4) * 3,
  ]
  CREATIONS['Uint8Array.fromHex()'] = [() => Uint8Array.fromHex('ab'.repeat(SIZE))]
}
if (globalThis.Float16Array) CREATIONS['new Float16Array()'] = [() => new Float16Array(SIZE / 2)]

const shared = new SharedArrayBuffer(SIZE)
/** Made where nobody looks: in V8, without JavaScript. */
const before64 = () => structuredClone(new ArrayBuffer(64))

describe('a buffer profile sees', () => {
  for (const [name, [create, bytes = SIZE]] of Object.entries(CREATIONS)) {
    it(`${name}: ${bytes} bytes`, () => {
      const source = new Uint8Array(SIZE).fill(7)
      const buffer = Buffer.alloc(SIZE, 7)
      profile.start(EVERY)
      const held = create(source, buffer)
      const sites = profile.stop().sites.filter(({ bytes }) => bytes !== 64)
      assert.equal(
        sites.reduce((sum, site) => sum + site.bytes, 0),
        bytes,
        JSON.stringify(sites, null, 1),
      )
      assert.ok(held)
    })
  }

  it('every slab of small Buffers once, on the bill of who began it', () => {
    profile.start(EVERY)
    const held = Array.from({ length: 10_000 }, () => Buffer.from('abcdefgh'))
    const { sites, liveBytes } = profile.stop()
    const slabs = new Set(held.map(({ buffer }) => buffer))
    const begun = [...slabs].slice(1) // the first was begun before the profile
    assert.ok(begun.length > 0)
    assert.equal(
      liveBytes,
      begun.reduce((sum, { byteLength }) => sum + byteLength, 0),
    )
    assert.equal(
      sites.reduce((sum, { count }) => sum + count, 0),
      begun.length,
    )
  })

  it('classes made from what stands in for a constructor, then and in the next profile', () => {
    profile.start(EVERY)
    class Pixels extends Uint8Array {
      constructor(length) {
        super(length)
        this.extra = length
      }
      get byteLength() {
        throw new Error('not to be called')
      }
    }
    class Store extends ArrayBuffer {}
    const held = [new Pixels(SIZE), new Store(SIZE)]
    assert.equal(profile.stop().liveBytes, 2 * SIZE)
    held.push(new Pixels(SIZE), new Store(SIZE))
    assert.ok(held.every((value) => value instanceof (value.extra ? Pixels : Store)))
    assert.ok(held[0] instanceof Uint8Array && held[1] instanceof ArrayBuffer)
    profile.start(EVERY)
    held.push(
      new Pixels(SIZE),
      new Store(SIZE),
      held[0].map(() => 1),
    )
    assert.equal(profile.stop().liveBytes, 3 * SIZE)
    assert.ok(held[6] instanceof Pixels && held[6].extra === SIZE)
  })

  it('nothing of other threads', async () => {
    profile.start(EVERY)
    const worker = new Worker(
      `require('node:worker_threads').parentPort.postMessage(new Uint8Array(${123 * MIB}).length)`,
      { eval: true },
    )
    const length = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
    assert.equal(length, 123 * MIB)
    assert.ok(profile.stop().liveBytes < 100 * MIB)
    await worker.terminate()
  })
})

describe('the memory of a sampled buffer', () => {
  it('is no longer counted once it is transferred to another thread', () => {
    profile.start(EVERY)
    const buffer = new ArrayBuffer(SIZE)
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(buffer, [buffer])
    assert.equal(profile.stop().liveBytes, 0)
    port2.close()
  })

  const withTransfer = major < 22 ? () => {} : it // which came with V8 11.4
  withTransfer('stays with its site when transfer() moves it', () => {
    const makes = () => new ArrayBuffer(SIZE)
    const moves = (buffer) => buffer.transfer()
    profile.start(EVERY)
    const moved = moves(moves(makes()))
    const { sites } = profile.stop()
    assert.deepEqual([sites.length, bytesOf(sites, 'makes'), moved.byteLength], [1, SIZE, SIZE])
  })

  it('counts at the size of the buffer, by who made it grow', () => {
    const makes = () => new ArrayBuffer(1000, { maxByteLength: 10_000 })
    const grows = (buffer) => buffer.resize(8000)
    const growsAgain = (buffer) => buffer.resize(6000)
    profile.start(EVERY)
    const buffer = makes()
    grows(buffer)
    buffer.resize(5000)
    growsAgain(buffer)
    const { sites } = profile.stop()
    assert.deepEqual(
      [bytesOf(sites, 'makes'), bytesOf(sites, 'grows'), bytesOf(sites, 'growsAgain')],
      [1000, 4000, 1000],
    )
  })

  it('counts what grow() adds to a SharedArrayBuffer', () => {
    const grows = (buffer) => buffer.grow(5000)
    profile.start(EVERY)
    const buffer = new SharedArrayBuffer(1000, { maxByteLength: 10_000 })
    grows(buffer)
    const { sites, liveBytes } = profile.stop()
    assert.deepEqual([bytesOf(sites, 'grows'), liveBytes], [4000, 5000])
  })

  it('can tell its stack while the profile runs', () => {
    const makes = () => new ArrayBuffer(SIZE)
    const unseen = makes()
    profile.start(EVERY)
    const buffer = makes()
    assert.deepEqual(stackOf(buffer)[0].functionName, 'makes')
    assert.equal(stackOf(unseen), null)
    assert.equal(stackOf(undefined), null)
    profile.stop()
    assert.equal(stackOf(buffer), null)
  })
})

describe('while a buffer profile runs', () => {
  it('built-in objects are what they were', () => {
    const constructors = () => [ArrayBuffer, SharedArrayBuffer, Uint8Array, Float64Array, BigUint64Array]
    const look = () =>
      constructors().map((Type) => [
        Type.name,
        Type.length,
        Type.BYTES_PER_ELEMENT,
        Object.getPrototypeOf(Type),
        Type.prototype,
        Reflect.ownKeys(Type).sort(byName),
        Object.getOwnPropertyDescriptor(Type, 'prototype'),
      ])
    const old = new Uint8Array(3)
    const before = look()
    profile.start()
    assert.deepEqual(look(), before)
    for (const Type of constructors()) {
      const made = new Type(8)
      assert.equal(made.constructor, Type)
      assert.ok(made instanceof Type)
      assert.equal(Object.getPrototypeOf(made), Type.prototype)
      assert.equal(Type[Symbol.species], Type[Symbol.species] && Type)
    }
    assert.ok(old instanceof Uint8Array && old.constructor === Uint8Array)
    assert.ok(Buffer.alloc(1) instanceof Uint8Array && Buffer.alloc(1).map((byte) => byte) instanceof Buffer)
    assert.equal(ArrayBuffer.isView(old), true)
    assert.equal(Buffer.alloc.name, 'alloc')
    assert.equal(Buffer.from.length, 3)
    assert.throws(() => new Buffer.alloc(3), /not a constructor/)
    assert.deepEqual(new Uint8Array(2), old.subarray(1))
    assert.equal(require('node:util').inspect(new Uint16Array(2)), 'Uint16Array(2) [ 0, 0 ]')
    profile.stop()
  })

  it('errors are the same, and we are not in their stacks', () => {
    const failing = [
      () => new Uint8Array(-1),
      () => new Uint8Array(2 ** 53),
      () => new Float64Array(new ArrayBuffer(7)),
      () => Reflect.apply(Uint8Array, undefined, [3]),
      () => Reflect.apply(ArrayBuffer, undefined, [3]),
      () => new ArrayBuffer(-1),
      () => new SharedArrayBuffer(1, { maxByteLength: 0 }),
      () => Buffer.alloc('1'),
      () => Buffer.allocUnsafe(-1),
      () => Buffer.from(7),
      () => Buffer.concat(7),
      () => new Uint8Array(8).with(9, 1),
      () => new ArrayBuffer(8, { maxByteLength: 9 }).resize(10),
      () => ArrayBuffer.prototype.resize.call({}, 1),
      () => new Uint8Array(new Proxy([], { get: () => assert.fail('users') })),
    ]
    const thrown = () => failing.map((fails) => [fails, errorOf(fails)])
    const expected = thrown()
    profile.start()
    const found = thrown()
    profile.stop()
    for (const [index, [fails, error]] of found.entries()) {
      const [, { message, code, name, stack }] = expected[index]
      assert.deepEqual([error.message, error.code, error.name], [message, code, name], `${fails}`)
      const functions = (text) => text.split('\n').filter((line) => /^ +at /.test(line))
      // One frame of ten was ours; and a name may be that of the receiver.
      const same = functions(stack)
        .map((line) => line.replace(/:\d+:\d+\)?$/, ''))
        .slice(1, 5)
      assert.deepEqual(
        functions(error.stack)
          .map((line) => line.replace(/:\d+:\d+\)?$/, ''))
          .slice(1, 5),
        same,
      )
      assert.doesNotMatch(error.stack, /lib\/profile/)
    }
  })

  it("users' hooks of Error are neither called nor changed", () => {
    const saved = Object.getOwnPropertyDescriptors(Error)
    let calls = 0
    Error.prepareStackTrace = () => `${++calls}`
    Error.stackTraceLimit = 3
    const hooked = Object.getOwnPropertyDescriptors(Error)
    profile.start(EVERY)
    const held = [1, 2, 3].map((size) => new ArrayBuffer(size * SIZE))
    const during = Object.getOwnPropertyDescriptors(Error)
    const { sites } = profile.stop()
    const before = calls
    Object.defineProperties(Error, saved)
    assert.deepEqual(during, hooked)
    assert.equal(before, 0)
    assert.equal(sites.length, 1)
    assert.ok(sites[0].stack.length > 3)
    assert.equal(held.length, 3)
  })

  it('allocating works where the stack ends', () => {
    let deepest = 0
    function descend(depth) {
      deepest = Math.max(deepest, new Uint8Array(64).length && depth)
      descend(depth + 1)
    }
    profile.start(EVERY)
    assert.throws(() => descend(0), RangeError)
    const held = new Uint8Array(SIZE)
    assert.ok(deepest > 100)
    assert.ok(profile.stop().liveBytes >= held.length)
  })

  it('what users put on a constructor is there before, then and after', () => {
    const { isView } = ArrayBuffer
    for (const phase of ['first', 'second']) {
      Uint8Array.before = phase
      profile.start()
      assert.equal(Uint8Array.before, phase)
      Uint8Array.meanwhile = phase
      ArrayBuffer.isView = () => phase
      profile.stop()
      assert.equal(Uint8Array.meanwhile, phase)
      assert.equal(ArrayBuffer.isView(), phase)
    }
    delete Uint8Array.before
    delete Uint8Array.meanwhile
    ArrayBuffer.isView = isView
  })

  it('no part of Node is loaded that waits to be needed', async () => {
    const loaded = await inChild(() => {
      const { profile } = require('./lib/buffer-profile')
      const before = process.moduleLoadList.length
      profile.start()
      profile.stop()
      return process.moduleLoadList.slice(before)
    })
    assert.deepEqual(
      loaded.filter((name) => /undici|fetch|websocket/i.test(name)),
      [],
    )
  })

  it('a worker may be terminated', async () => {
    for (let times = 0; times < 5; times++) {
      const worker = new Worker(
        `const { profile } = require('./lib/buffer-profile')
        profile.start({ sampleBytes: 1 })
        const { parentPort } = require('node:worker_threads')
        const held = []
        parentPort.postMessage('started')
        setInterval(() => { for (let i = 0; i < 100; i++) held[i % 50] = Buffer.alloc(1000) }, 0)`,
        { eval: true },
      )
      await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
      assert.equal(await worker.terminate(), 1)
    }
  })
})

describe('stopping a buffer profile', () => {
  it('puts everything back, to the identity of each function', () => {
    const before = snapshot()
    for (let times = 0; times < 3; times++) {
      profile.start()
      assert.notDeepEqual(differences(before, snapshot()), [])
      profile.stop()
    }
    assert.deepEqual(differences(before, snapshot()), [])
  })

  it('leaves alone what somebody else has put in the place of ours', () => {
    const { alloc } = Buffer
    const theirs = (size) => alloc(size)
    profile.start()
    Buffer.alloc = theirs
    profile.stop()
    assert.equal(Buffer.alloc, theirs)
    Buffer.alloc = alloc
  })
})

describe('the arguments of a buffer profile', () => {
  it('are checked', () => {
    const refused = [
      [7, 'ERR_INVALID_ARG_TYPE'],
      [{ sampleBytes: '1' }, 'ERR_INVALID_ARG_TYPE'],
      [{ sampleBytes: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ sampleBytes: 1.5 }, 'ERR_OUT_OF_RANGE'],
      [{ sampleByte: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ]
    for (const [options, code] of refused) assert.throws(() => profile.start(options), { code })
    assert.throws(() => profile.stop(), { code: 'ERR_INVALID_STATE' }, 'nothing was started')
  })

  it('cannot start it twice, or stop it twice', () => {
    profile.start()
    assert.throws(() => profile.start(), { name: 'Error', code: 'ERR_INVALID_STATE' })
    profile.stop()
    assert.throws(() => profile.stop(), { name: 'Error', code: 'ERR_INVALID_STATE' })
  })

  it('do not help where built-in objects are frozen', async () => {
    const answer = await inChild(
      () => {
        const { profile } = require('./lib/buffer-profile')
        const { alloc } = Buffer
        try {
          profile.start()
          return 'started'
        } catch ({ code }) {
          return [code, Buffer.alloc === alloc]
        }
      },
      { flags: ['--frozen-intrinsics'] },
    )
    assert.deepEqual(answer, ['ERR_INVALID_STATE', true])
  })

  it('stop all the same where somebody froze built-in objects meanwhile, and the rest is put back', async () => {
    const answer = await inChild(() => {
      const { profile } = require('./lib/buffer-profile')
      const constructors = [ArrayBuffer, SharedArrayBuffer, Uint8Array, Float64Array]
      profile.start({ sampleBytes: 1 })
      globalThis.kept = new ArrayBuffer(100_000)
      Object.freeze(Buffer)
      const { liveBytes } = profile.stop()
      const now = [ArrayBuffer, SharedArrayBuffer, Uint8Array, Float64Array]
      const again = []
      for (const call of [profile.start, profile.stop]) {
        try {
          call()
        } catch ({ code }) {
          again.push(code)
        }
      }
      return {
        liveBytes,
        same: now.every((it, i) => it === constructors[i]),
        length: Buffer.alloc(5).length,
        again,
      }
    })
    assert.deepEqual(answer, {
      liveBytes: 100_000,
      same: true,
      length: 5,
      again: ['ERR_INVALID_STATE', 'ERR_INVALID_STATE'],
    })
  })
})

describe('the files of a buffer profile', () => {
  let folder
  let stopped
  const held = []

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rs-memusage-profile-'))
    const first = () => held.push(new Uint8Array(3 * MIB))
    const second = () => held.push(Buffer.alloc(2 * MIB), Buffer.alloc(2 * MIB))
    profile.start(EVERY)
    first()
    second()
    stopped = profile.stop()
  })
  after(() => rmSync(folder, { recursive: true }))

  it('.heapprofile is what V8 itself gives to DevTools, and holds every site', () => {
    const path = join(folder, 'a.heapprofile')
    stopped.save(path)
    const read = JSON.parse(readFileSync(path, 'utf8'))
    assert.deepEqual(read, stopped.toHeapProfile())
    assert.deepEqual(shape(read.head), shape(heapProfileOfV8().head))
    const nodes = new Map(walk(read.head).map((node) => [node.id, node]))
    assert.equal(nodes.size, walk(read.head).length, 'ids are unique')
    for (const { size, nodeId } of read.samples) assert.equal(nodes.get(nodeId).selfSize, size)
    const first = [...nodes.values()].find(({ callFrame }) => callFrame.functionName === 'first')
    assert.equal(first.selfSize, 3 * MIB)
    assert.equal(first.callFrame.url, pathToFileURL(__filename).href)
    const lines = readFileSync(__filename, 'utf8').split('\n')
    assert.match(lines[first.callFrame.lineNumber], /const first = /)
    assert.match(lines[first.callFrame.lineNumber].slice(first.callFrame.columnNumber), /^new Uint8Array/)
  })

  it('.pb.gz is read by pprof-format, and holds every site', () => {
    const path = join(folder, 'a.pb.gz')
    stopped.save(path)
    const pprof = Pprof.decode(gunzipSync(readFileSync(path)))
    const text = (index) => pprof.stringTable.strings[Number(index)]
    assert.deepEqual(
      pprof.sampleType.map(({ type, unit }) => [text(type), text(unit)]),
      [
        ['inuse_objects', 'count'],
        ['inuse_space', 'bytes'],
      ],
    )
    assert.deepEqual([text(pprof.periodType.type), Number(pprof.period)], ['space', 1])
    assert.equal(text(pprof.defaultSampleType), 'inuse_space')
    assert.ok(Math.abs(Number(pprof.timeNanos) / 1e6 - Date.now()) < 600_000)
    const functions = new Map(pprof.function.map((entry) => [Number(entry.id), entry]))
    const locations = new Map(pprof.location.map((entry) => [Number(entry.id), entry]))
    const found = pprof.sample.map(({ locationId, value }) => {
      const stack = locationId.map((id) => {
        const [line] = locations.get(Number(id)).line
        const { name, filename } = functions.get(Number(line.functionId))
        return [text(name), text(filename), Number(line.line)]
      })
      return { count: Number(value[0]), bytes: Number(value[1]), stack }
    })
    assert.deepEqual(
      found.map(({ bytes, count, stack }) => [bytes, count, stack.length]),
      stopped.sites.map(({ bytes, count, stack }) => [bytes, count, stack.length]),
    )
    const [name, filename, line] = found.find(({ bytes }) => bytes === 3 * MIB).stack[0]
    assert.deepEqual([name, filename], ['first', __filename])
    assert.match(readFileSync(__filename, 'utf8').split('\n')[line - 1], /const first = /)
  })

  it('.folded and .txt are a line for each site', () => {
    for (const ending of ['folded', 'txt']) {
      const path = join(folder, `a.${ending}`)
      stopped.save(path)
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
      assert.deepEqual(
        lines.map((line) => /^(.*) (\d+)$/.exec(line).slice(1)),
        stopped.sites.map(({ bytes, stack }) => [stack.toReversed().join(';'), `${bytes}`]),
      )
    }
  })

  it('go by these endings only', () => {
    assert.throws(() => stopped.save(join(folder, 'a.json')), { code: 'ERR_INVALID_ARG_VALUE' })
    assert.throws(() => stopped.save(7), { code: 'ERR_INVALID_ARG_TYPE' })
    assert.throws(() => stopped.save(join(folder, 'none', 'a.txt')), { code: 'ENOENT' })
  })

  it('may be empty', () => {
    profile.start()
    const empty = profile.stop()
    assert.deepEqual([empty.liveBytes, empty.sites, empty.toFolded()], [0, [], ''])
    assert.deepEqual(empty.toHeapProfile().samples, [])
    assert.deepEqual(Pprof.decode(gunzipSync(empty.toPprof())).sample, [])
  })
})

function bytesOf(sites, name) {
  return sites.filter(named(name)).reduce((sum, { bytes }) => sum + bytes, 0)
}

/** Allocated in the function of this name, or in one of V8's own that it called. */
function named(name) {
  return ({ stack }) => new RegExp(`(^|\\.)${name} \\(`).test(stack.find((frame) => frame.includes('(')))
}

function byName(a, b) {
  return String(a) < String(b) ? -1 : 1
}

function errorOf(fails) {
  try {
    fails()
  } catch (error) {
    return error
  }
  return assert.fail(`${fails} did not`)
}

/** All own properties of everything that a profile touches. */
function snapshot() {
  const constructors = ['ArrayBuffer', 'SharedArrayBuffer', 'Uint8Array', 'BigInt64Array', 'Float32Array']
  const objects = [globalThis, Buffer, TypedArray, TypedArray.prototype, Error]
  for (const name of constructors) objects.push(globalThis[name], globalThis[name].prototype)
  const own = (object) => Reflect.ownKeys(object).map((key) => [key, descriptor(object, key)])
  return objects.map((object) => new Map([['itself', { value: object }], ...own(object)]))
}

/** Not of what Node loads when it is looked at. */
function descriptor(object, key) {
  if (object === globalThis && !/Array|Buffer/.test(String(key))) return {}
  return Reflect.getOwnPropertyDescriptor(object, key)
}

function differences(before, after) {
  return before.flatMap((properties, index) => {
    const keys = new Set([...properties.keys(), ...after[index].keys()])
    return [...keys].filter((key) => {
      const [was, is] = [properties.get(key) ?? {}, after[index].get(key) ?? {}]
      const fields = ['value', 'get', 'set', 'writable', 'enumerable', 'configurable']
      return fields.some((field) => !Object.is(was[field], is[field]))
    })
  })
}

/** A sampled profile of this thread's JS heap, as V8 makes it. */
function heapProfileOfV8() {
  const session = new Session()
  session.connect()
  session.post('HeapProfiler.startSampling', { samplingInterval: 64 })
  const held = Array.from({ length: 1000 }, (_, index) => ({ index }))
  let profile
  session.post('HeapProfiler.stopSampling', (error, answer) => {
    assert.equal(error, null)
    profile = answer.profile
  })
  session.disconnect()
  assert.ok(held.length > 0)
  return profile
}

/** Names and types of an object's properties; of an array's, those of its first element. */
function shape(value) {
  if (Array.isArray(value)) return value.length === 0 ? [] : ['an array']
  if (typeof value !== 'object') return typeof value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, shape(value[key])]),
  )
}

function walk(node) {
  return [node, ...node.children.flatMap(walk)]
}
