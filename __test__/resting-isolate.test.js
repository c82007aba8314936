'use strict'

// JS heaps that addons make, as isolated-vm does: alive, and between two runs on no thread.

const assert = require('node:assert/strict')
const { execFileSync, spawnSync } = require('node:child_process')
const { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { dirname, join } = require('node:path')
const { after, before, describe, it } = require('node:test')
const { inChild, MIB, root } = require('./helpers/child')
const { assertExplained } = require('./helpers/looks')

const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-resting-'))
const addon = join(folder, 'resting_isolate.node')

/** Headers of this very Node: a download has them beside the binary, and so has the npm package `node`. */
function nodeHeaders() {
  const prefix = dirname(dirname(realpathSync(process.execPath)))
  const packages = join(prefix, 'node_modules')
  const inside = existsSync(packages) ? readdirSync(packages).map((name) => join(packages, name)) : []
  return [prefix, ...inside].map((path) => join(path, 'include', 'node')).find(existsSync)
}

/** Why the addon cannot be compiled here, or false. */
function isWithoutCompiler() {
  if (!nodeHeaders()) return 'the headers of this Node are not installed beside it'
  return spawnSync('c++', ['--version']).status !== 0 && 'there is no C++ compiler'
}

describe('a JS heap that is alive and runs on no thread', { skip: isWithoutCompiler() }, () => {
  before(() => {
    const source = join(root, 'tests', 'resting_isolate', 'resting_isolate.cc')
    const flags = ['-std=c++20', '-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC']
    execFileSync('c++', [...flags, '-isystem', nodeHeaders(), source, '-o', addon])
  })
  after(() => rmSync(folder, { recursive: true }))

  it('is in v8Heap, not in v8Pool or other, before and after it ran again (review A.4)', async () => {
    const looks = await inChild(
      (addon) => {
        const { lookBesideKernel } = require('./__test__/helpers/looks.js')
        const { rest, run } = require(addon)
        const look = (size) => ({ size, look: lookBesideKernel() })
        return [
          look(rest('globalThis.kept = []; for (let i = 0; i < 2e6; i++) kept.push({ i, list: [i] }); 0')),
          look(run('for (let i = 0; i < 1e5; i++) kept.push({ i, list: [i] }); 0')),
        ]
      },
      { args: [addon] },
    )
    for (const { size, look } of looks) {
      assertExplained(look)
      const { v8Heap, jit, v8Pool } = look.breakdown.parts
      const text = JSON.stringify({ size, ...look.breakdown.parts })
      // V8 counts generated code to the heap, and part of what it has committed need not be in memory.
      assert.ok(v8Heap + jit >= size * 0.9, text)
      assert.ok(v8Pool <= size * 0.1 + 8 * MIB, text)
    }
  })
})
