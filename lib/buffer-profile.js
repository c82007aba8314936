'use strict'

const { BufferProfile } = require('./profile/buffer-profile')
const { coverageOf, externalBytes } = require('./profile/coverage')
const { describe } = require('./profile/frame-text')
const { intercept, restore } = require('./profile/interception')
const { Sampler } = require('./profile/sampler')
const { bySources, sourceOf } = require('./profile/source-maps')
const { invalidState, outOfRange, validateInteger, validateNumber, validateOptions } = require('./validate')

const DEFAULT_SAMPLE_BYTES = 512 * 1024

/** So that a server which allocates 1.7 GB a second keeps 95 % of its throughput: samples cost more than their time. */
const DEFAULT_MAX_TIME_SHARE = 0.02
/** Whoever asks for a distance gets it. */
const ANY_TIME = 1

/** The profile that this thread is taking. */
let running = null

function start(options = {}) {
  const asked = rateOf(options)
  if (running) throw invalidState('a profile of buffers is running in this thread')
  begin(asked, null)
}

/** Starts one that is `owner`'s; false where another is running. */
function startFor(owner, options) {
  if (running) return running.owner === owner
  begin(rateOf(options), owner)
  return true
}

function begin(asked, owner) {
  const external = externalBytes()
  const sampler = new Sampler(asked)
  intercept(sampler)
  const { sampleBytes } = asked
  running = {
    sampler,
    sampleBytes,
    startedAt: Date.now(),
    startedTick: performance.now(),
    external,
    owner,
  }
}

/** What is asked for, validated. */
function rateOf(options) {
  validateOptions(options, ['sampleBytes', 'maxTimeShare'])
  const { sampleBytes, maxTimeShare } = options
  if (sampleBytes !== undefined) validateInteger(sampleBytes, 'options.sampleBytes', 1)
  if (maxTimeShare !== undefined) {
    validateNumber(maxTimeShare, 'options.maxTimeShare')
    const isShare = maxTimeShare > 0 && maxTimeShare <= 1
    if (!isShare) throw outOfRange('options.maxTimeShare', '> 0 && <= 1', maxTimeShare)
  }
  return {
    sampleBytes: sampleBytes ?? DEFAULT_SAMPLE_BYTES,
    maxTimeShare: maxTimeShare ?? (sampleBytes === undefined ? DEFAULT_MAX_TIME_SHARE : ANY_TIME),
  }
}

function stop() {
  if (!running) throw invalidState('no profile of buffers is running in this thread')
  const { root, circumstances } = end()
  return new BufferProfile(root, circumstances)
}

/** Ends the one that is `owner`'s; null where that is not running. */
function stopFor(owner) {
  return running?.owner === owner ? end() : null
}

function end() {
  const { sampler, sampleBytes, startedAt, startedTick, external } = running
  running = null
  restore()
  const durationMs = performance.now() - startedTick
  const { root, sampling, ...watched } = sampler.stop()
  const coverage = coverageOf(watched, external)
  return { root: bySources(root), circumstances: { sampleBytes, startedAt, durationMs, sampling, coverage } }
}

function isRunning() {
  return running !== null
}

/** The stack that allocated a buffer, innermost frame first; `null` when it was not sampled or no profile is running. */
function stackOf(buffer) {
  return running?.sampler.stackOf(buffer) ?? null
}

/** The stack of the running call from the caller of `below` on, in the same form. A profile is running. */
function stackBelow(below) {
  return running.sampler.stackBelow(below)
}

/** The caller of `below` got memory in a way that nobody watches. */
function watched(memory, below) {
  running.sampler.allocated(memory, memory.byteLength, below)
}

/** A stack as text, a frame a line. */
function describeStack(stack) {
  return stack.map((frame) => `    at ${describe(sourceOf(frame))}`).join('\n')
}

module.exports = {
  describeStack,
  isRunning,
  profile: { start, stop },
  rateOf,
  stackBelow,
  stackOf,
  startFor,
  stopFor,
  watched,
}
