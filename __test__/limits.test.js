'use strict'

// What limits() says of the heap, of the process and of the machine. Control groups that the kernel enforces are in
// scripts/limits, for not every machine lets tests make some; how groups are read is in tests/limits.rs.

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { describe, it } = require('node:test')
const v8 = require('node:v8')
const { limits } = require('..')
const { inChild, MIB } = require('./helpers/child')

/** V8 adds the young generation, of which it may keep three times 64 MiB. */
const YOUNG_GENERATION = 192 * MIB
const KINDS = ['heap', 'cgroup', 'rlimit', 'host']

function heapOf(options) {
  return inChild(() => require('./index.js').limits().heap, options)
}

describe('limits()', () => {
  it('tells limit, use, rest and source of each', () => {
    const answer = limits()
    assert.deepEqual(Object.keys(answer), [...KINDS, 'nearest'])
    for (const kind of KINDS) {
      const { limit, used, available, source } = answer[kind] ?? {}
      if (answer[kind] === null) continue
      assert.ok(limit === null || limit > 0, `${kind}: ${limit}`)
      assert.ok(used === null || used > 0, `${kind}: ${used}`)
      assert.equal(available, limit === null || used === null ? null : Math.max(limit - used, 0))
      assert.equal(typeof source, limit === null ? 'object' : 'string')
    }
  })

  it('names the one with the least left', () => {
    const { nearest, ...all } = limits()
    const left = KINDS.map((kind) => all[kind]?.available ?? Number.POSITIVE_INFINITY)
    const { limit, used, available, source } = all[nearest.kind]
    assert.equal(available, Math.min(...left))
    assert.deepEqual(nearest, { kind: nearest.kind, limit, used, available, source })
  })

  it('says of the machine what the kernel says', () => {
    const { host } = limits()
    const kib = (name) =>
      Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(readFileSync('/proc/meminfo', 'latin1'))[1])
    assert.equal(host.limit, kib('MemTotal') * 1024)
    assert.equal(host.source, '/proc/meminfo')
    assert.ok(Math.abs(host.available - kib('MemAvailable') * 1024) < 0.1 * host.limit) // others work here too
  })

  it('finds the process in the group that the kernel puts it in', () => {
    const { cgroup } = limits()
    if (cgroup === null) {
      // No group can be seen here, or none has a say in memory: then none may be called unlimited.
      assert.equal(limits().nearest.kind === 'cgroup', false)
      return
    }
    const members = readFileSync(`${cgroup.group}/cgroup.procs`, 'latin1').split('\n')
    assert.ok(members.includes(String(process.pid)), cgroup.group)
  })
})

describe('limits().heap', () => {
  it("is V8's own", () => {
    const { heap } = limits()
    const { heap_size_limit, used_heap_size } = v8.getHeapStatistics()
    assert.equal(heap.limit, heap_size_limit)
    assert.ok(Math.abs(heap.used - used_heap_size) < 4 * MIB)
  })

  for (const [title, options, source] of [
    ['nobody', { env: { NODE_OPTIONS: '' } }, 'V8'],
    ['an option', { flags: ['--max-old-space-size=300'] }, '--max-old-space-size=300'],
    ['an option written as V8 has it', { flags: ['--max_old_space_size=300'] }, '--max_old_space_size=300'],
    ['the last of two options', { flags: ['--max-old-space-size=200', '--max-old-space-size=300'] }],
    [
      'the environment',
      { env: { NODE_OPTIONS: '--no-warnings --max-old-space-size=300' } },
      'NODE_OPTIONS --max-old-space-size=300',
    ],
    [
      'an option before the environment',
      { flags: ['--max-old-space-size=300'], env: { NODE_OPTIONS: '--max-old-space-size=200' } },
      '--max-old-space-size=300',
    ],
  ]) {
    it(`says who set it: ${title}`, async () => {
      const heap = await heapOf(options)
      assert.equal(heap.source, source ?? '--max-old-space-size=300')
      if (heap.source === 'V8') assert.ok(heap.limit > 500 * MIB)
      else assert.ok(heap.limit >= 300 * MIB && heap.limit <= 300 * MIB + YOUNG_GENERATION, `${heap.limit}`)
    })
  }

  it('is that of the worker in a worker', async () => {
    const heap = await inChild(async () => {
      const { Worker } = require('node:worker_threads')
      const script = `require('node:worker_threads').parentPort.postMessage(require('./index.js').limits().heap)`
      const worker = new Worker(script, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 128 } })
      return new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
    })
    assert.equal(heap.source, 'resourceLimits')
    assert.ok(heap.limit >= 128 * MIB && heap.limit <= 128 * MIB + YOUNG_GENERATION, `${heap.limit}`)
  })
})

describe('limits().rlimit', () => {
  it('says what the shell says, null where that is unlimited', async () => {
    const told = execFileSync('sh', ['-c', 'ulimit -v; ulimit -d'], { encoding: 'utf8' }).trim().split('\n')
    const { limit, available, source } = limits().rlimit
    if (told.every((value) => value === 'unlimited')) {
      assert.deepEqual([limit, available, source], [null, null, null])
    } else {
      assert.ok(told.includes(String(limit / 1024)), `${limit} of ${told}`)
    }
  })

  for (const [flag, source] of [
    ['-v', 'RLIMIT_AS'],
    ['-d', 'RLIMIT_DATA'],
  ]) {
    it(`is that of ulimit ${flag}`, async () => {
      const GIB = 1024 * MIB
      const { rlimit, grown } = await inChild(
        (bytes) => {
          const { limits } = require('./index.js')
          const before = limits().rlimit.used
          globalThis.kept = new Uint8Array(bytes) // mapped, and not in memory
          const { rlimit } = limits()
          return { rlimit, grown: rlimit.used - before }
        },
        { args: [128 * MIB], shell: `ulimit ${flag} ${(512 * GIB) / 1024}` },
      )
      assert.deepEqual([rlimit.limit, rlimit.source], [512 * GIB, source])
      // A thread of Node's may have begun meanwhile, with 128 MiB of addresses for its arena.
      assert.ok(grown >= 120 * MIB && grown < 400 * MIB, `${grown}`)
    })
  }
})
