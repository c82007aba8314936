'use strict'

const { readSync, writeSync } = require('node:fs')
const v8 = require('node:v8')
const { Worker } = require('node:worker_threads')

const { rssBreakdown } = require('../../..')

const MIB = 1024 * 1024

/** Before any worker exists, the only isolate is the main thread's. */
const [mainIsolate] = isolates()

/** The addresses of the isolates that own pages of this process. */
function isolates() {
  const owners = rssBreakdown({ regions: true }).regions.map((region) => region.owner ?? '')
  return new Set(owners.filter((owner) => owner.startsWith('isolate ')).map((owner) => owner.slice(8)))
}

/** Starts a worker that holds what `workerData` says and then sleeps; gives its isolate and the size of its heap. */
async function startWorker(workerData) {
  const before = isolates()
  const worker = new Worker(require.resolve('./worker.js'), { workerData })
  const physical = await new Promise((resolve, reject) =>
    worker.once('message', resolve).once('error', reject),
  )
  const isolate = [...isolates()].find((address) => !before.has(address))
  return { worker, isolate, physical }
}

/** Prints what only the process knows of itself, and waits for its end without touching memory. */
function reportAndWait({ workers = [], known = {} } = {}) {
  const answer = Buffer.alloc(1)
  const lines = workers.map(({ isolate, physical }) => `isolate ${isolate} ${physical}`)
  for (const [isolate, { start, end }] of codeRanges()) {
    lines.push(`code_range 0x${start.toString(16)} 0x${end.toString(16)} ${isolate}`)
  }
  for (const [name, bytes] of Object.entries(known)) lines.push(`known ${name} ${bytes}`)
  const { total_physical_size: physical } = v8.getHeapStatistics()
  writeSync(1, `${[`isolate ${mainIsolate} ${physical}`, ...lines].join('\n')}\n.\n`)
  readSync(0, answer)
}

/** From the first to the last address of an isolate's code. */
function codeRanges() {
  const ranges = new Map()
  for (const { part, owner, start, end } of rssBreakdown({ regions: true }).regions) {
    if (part === 'jit' && owner !== null) {
      const isolate = owner.slice('isolate '.length)
      const range = ranges.get(isolate) ?? { start, end }
      ranges.set(isolate, { start: Math.min(range.start, start), end: Math.max(range.end, end) })
    }
  }
  return ranges
}

module.exports = { startWorker, reportAndWait, MIB }
