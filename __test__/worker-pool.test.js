'use strict'

const assert = require('node:assert/strict')
const { join } = require('node:path')
const { describe, it } = require('node:test')
const { root, runProcess } = require('./helpers/child')
const { needsGlibc } = require('./helpers/libc')

const skip =
  process.platform === 'linux'
    ? needsGlibc('on musl Buffers are on no bill without a search').skip
    : 'reads /proc'
const options = { skip, timeout: 60_000 }

describe('the example of a worker pool', () => {
  it('finds the fat worker, and ends by itself', options, async () => {
    const result = await runProcess(process.execPath, [join(root, 'examples', 'worker-pool.js')])
    assert.deepEqual(
      { code: result.code, signal: result.signal, stderr: result.stderr },
      { code: 0, signal: null, stderr: '' },
    )
    const rows = tableIn(result.stdout)
    assert.equal(rows.length, 4)
    const total = (column) => rows.reduce((sum, row) => sum + Number(row[column]), 0)
    assert.equal(total('reports rendered'), 40)
    assert.equal(total('kept by its cache'), (39 * 8 + 1024) / 16)
    // The measurement agrees with what the workers know of themselves.
    const fattestBy = (column) => rows.reduce((a, b) => (Number(b[column]) > Number(a[column]) ? b : a))
    const fat = fattestBy('kept by its cache')
    assert.equal(fat.threadId, fattestBy('RSS (MiB)').threadId)
    assert.ok(Number(fat['native heap']) >= Number(fat['kept by its cache']), JSON.stringify(fat))
    assert.match(result.stdout, new RegExp(`^The fattest worker has threadId ${fat.threadId}\\.$`, 'm'))
  })
})

/** What console.table() printed, a row an object. */
function tableIn(text) {
  const lines = text.split('\n').filter((line) => line.startsWith('│'))
  const [names, ...rows] = lines.map((line) => line.split('│').map((cell) => cell.trim()))
  return rows.map((cells) => Object.fromEntries(names.map((name, index) => [name, cells[index]])))
}
