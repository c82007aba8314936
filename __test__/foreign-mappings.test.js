'use strict'

// Memory that neither V8 nor malloc mapped, beside theirs: the kernel merges neighbours of one kind into one mapping.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')
const { isMusl } = require('./helpers/libc')
const { assertExplained } = require('./helpers/looks')

const NODE = Number.parseInt(process.versions.node, 10)
const FIVE = 5 * MIB

/** Runs `load`, whose result stays alive, and gives a look at the process beside the kernel's count. */
function lookAt(load, options) {
  return inChild(
    `async (...args) => {
      const addon = require('./__test__/helpers/test-addon.js')
      const { lookBesideKernel } = require('./__test__/helpers/looks.js')
      globalThis.kept = await (${load})(addon, ...args)
      return lookBesideKernel()
    }`,
    options,
  )
}

/** `bytes` of Buffers are native memory. With musl so are `foreign` bytes of bare mappings: its malloc writes no headers. */
function assertNativeHeap({ breakdown, deep }, bytes, foreign = 0) {
  const { nativeHeap } = breakdown.parts
  const most = (bytes + (isMusl ? foreign : 0)) * 1.02 + 8 * MIB
  assert.ok(nativeHeap >= bytes && nativeHeap <= most, `${nativeHeap} instead of ${bytes}`)
  const { arrayBuffers } = deep.threads[0]
  assert.ok(arrayBuffers >= bytes, `${arrayBuffers} of ${bytes} are on the bill of the main thread`)
}

describe('mappings of an addon among Buffers', () => {
  for (const [title, written] of [
    ['untouched', 0],
    ['written to their first page', 4096],
    ['written', FIVE],
  ]) {
    it(`hide nothing of 600 MiB of Buffers: 20 of 5 MiB, ${title} (review A.3)`, async () => {
      const look = await lookAt(
        (addon, FIVE, written) => {
          const buffers = []
          for (let index = 0; index < 20; index++) {
            for (let count = 0; count < 6; count++) buffers.push(Buffer.alloc(FIVE, 1))
            addon.mapForeign(FIVE, written)
          }
          return buffers
        },
        { args: [FIVE, written] },
      )
      assertExplained(look, 20 * written) // bare mappings carry no sign of an owner: these are other
      assertNativeHeap(look, 120 * FIVE, 20 * written)
    })
  }

  it('hide nothing where some were unmapped again, and others locked or left out of core dumps (review A.3)', async () => {
    const look = await lookAt(
      (addon, FIVE) => {
        const buffers = []
        for (let index = 0; index < 20; index++) {
          for (let count = 0; count < 6; count++) buffers.push(Buffer.alloc(FIVE, 1))
          const address = addon.mapForeign(FIVE, 0)
          if (index % 3 === 0) addon.unmapForeign(address + FIVE / 5, FIVE / 5)
          else if (index % 3 === 1) addon.splitMapping(address, FIVE / 5, index % 2 === 0)
          else addon.splitMapping(address + (FIVE / 5) * 2, FIVE / 5, false)
        }
        return buffers
      },
      { args: [FIVE] },
    )
    // Locking puts the locked pages into memory: a fifth of each of the three that were locked.
    assertExplained(look, (3 * FIVE) / 5)
    assertNativeHeap(look, 120 * FIVE)
  })
})

describe('a thread with stack memory of its own and no guard page', () => {
  it('has no Buffer in its stack that was mapped right below (review A.15)', async () => {
    for (let round = 0; round < 3; round++) {
      const look = await lookAt(
        (addon, MIB) => {
          for (let count = 0; count < 3; count++) addon.threadOnOwnStack(8 * MIB, MIB)
          return Array.from({ length: 20 }, () => Buffer.alloc(10 * MIB, 1))
        },
        { args: [MIB] },
      )
      assertExplained(look, 3 * MIB) // how far such a stack reaches is written nowhere
      assertNativeHeap(look, 200 * MIB)
      const { stacks } = look.breakdown.parts
      assert.ok(stacks < 8 * MIB, `${stacks} of stacks, 3 MiB are deep`)
    }
  })
})

/** Node 26 has no such option any more. */
const withLargePages = NODE < 26 ? it : () => {}

describe('node --use-largepages', () => {
  withLargePages("counts node's own text in code (review A.6)", async () => {
    const plain = await lookAt(() => {})
    const large = await lookAt(() => {}, { flags: ['--use-largepages=on'] })
    assertExplained(large)
    const [{ parts }, usual] = [large.breakdown, plain.breakdown.parts]
    // The text has 24 MiB and more; V8's copy of its builtins in the code range is what may come on top.
    assert.ok(parts.jit <= usual.jit + 4 * MIB, `${parts.jit} of generated code, ${usual.jit} without`)
    // Large pages are whole in memory: there is at least as much as without.
    assert.ok(parts.code >= usual.code - MIB, `${parts.code} of code, ${usual.code} without the option`)
  })
})
