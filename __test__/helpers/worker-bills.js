'use strict'

const assert = require('node:assert/strict')
const { inChild, MIB } = require('./child')

const SHARED_PARTS = [
  'code',
  'jit',
  'v8Heap',
  'v8Pool',
  'stacks',
  'sharedArenas',
  'deadArenas',
  'largeAllocations',
  'nativeHeap',
  'mappedFiles',
  'sharedMemory',
  'other',
]
const THREAD_FIGURES = [
  'threadId',
  'name',
  'kind',
  'rss',
  'v8Heap',
  'jit',
  'stack',
  'nativeHeap',
  'arrayBuffers',
  'heapUsed',
  'heapTotal',
  'heapLimit',
  'external',
  'externalElsewhere',
  'state',
  'ageMs',
  'method',
]

/** Runs a function in a process of its own, with `ToldWorker` on `globalThis`, and ends its workers after it. */
function withWorkers(body, options) {
  const wrapped = `async (...args) => {
    globalThis.ToldWorker = require('./__test__/helpers/told-worker.js').ToldWorker
    try {
      return await (${body})(...args)
    } finally {
      await ToldWorker.endAll()
    }
  }`
  return inChild(wrapped, options)
}

/** What must hold for every answer of workerRss(): the sums are exact, and what is unknown is null. */
function assertConsistent(answer) {
  assert.deepEqual(Object.keys(answer.sharedParts), SHARED_PARTS)
  assert.equal(sum(Object.values(answer.sharedParts)), answer.shared)
  for (const [part, bytes] of Object.entries(answer.sharedParts)) assertBytes(bytes, part)
  for (const thread of answer.threads) assertConsistentThread(thread)
  assert.equal(answer.shared + sum(answer.threads.map(({ rss }) => rss)), answer.rss)
  assert.equal(answer.threads.filter(({ kind }) => kind === 'main').length, 1)
}

function assertConsistentThread(thread) {
  assert.deepEqual(Object.keys(thread).sort(), [...THREAD_FIGURES].sort())
  const { kind, rss, v8Heap, jit, stack, nativeHeap, arrayBuffers, state, ageMs } = thread
  const text = JSON.stringify(thread)
  assertBytes(rss, text)
  assert.equal(sum([v8Heap, jit, stack, nativeHeap]), rss, text) // null, where it is unknown, hides nothing
  assert.ok(arrayBuffers === null || arrayBuffers <= nativeHeap, text)
  assert.ok(ageMs === null || ageMs >= 0, text)
  assert.ok(['verified', 'estimated', 'none'].includes(thread.method.v8Heap), text)
  if (kind === 'runtime') {
    assert.deepEqual([thread.threadId, thread.heapUsed, state, ageMs], [null, null, null, null], text)
  } else {
    assert.ok([null, 'running', 'idle', 'blocked', 'unregistered'].includes(state), text)
  }
}

/** The kernel counts the same: between what smaps_rollup says before and after. */
function assertIsRss({ rss }, before, after) {
  // Half a percent and a megabyte: what V8 and libuv do on other threads between the three looks.
  const tolerance = Math.max(rss * 0.005, MIB)
  assert.ok(rss >= Math.min(before, after) - tolerance, `${rss} below ${before}, ${after}`)
  assert.ok(rss <= Math.max(before, after) + tolerance, `${rss} above ${before}, ${after}`)
}

function assertBytes(bytes, what) {
  assert.ok(Number.isSafeInteger(bytes) && bytes >= 0, what)
}

/** `actual` is `expected`, give or take 5 %. */
function assertWithin5Percent(actual, expected, what) {
  assert.ok(Math.abs(actual - expected) <= expected * 0.05, `${what}: ${actual} instead of ${expected}`)
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}

module.exports = { withWorkers, assertConsistent, assertConsistentThread, assertIsRss, assertWithin5Percent }
