'use strict'

const { BufferProfile } = require('./profile/buffer-profile')
const { describe } = require('./profile/frame-text')
const { intercept, restore } = require('./profile/interception')
const { Sampler } = require('./profile/sampler')
const { invalidState, validateInteger, validateOptions } = require('./validate')

const DEFAULT_SAMPLE_BYTES = 512 * 1024

/** The profile that this thread is taking. */
let running = null

function start(options = {}) {
  validateOptions(options, ['sampleBytes'])
  const { sampleBytes = DEFAULT_SAMPLE_BYTES } = options
  validateInteger(sampleBytes, 'options.sampleBytes', 1)
  if (running) throw invalidState('a profile of buffers is running in this thread')
  const sampler = new Sampler(sampleBytes)
  intercept(sampler)
  running = { sampler, sampleBytes, startedAt: Date.now(), startedTick: performance.now() }
}

function stop() {
  if (!running) throw invalidState('no profile of buffers is running in this thread')
  const { sampler, sampleBytes, startedAt, startedTick } = running
  running = null
  restore()
  const durationMs = performance.now() - startedTick
  return new BufferProfile(sampler.stop(), { sampleBytes, startedAt, durationMs })
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
  return stack.map((frame) => `    at ${describe(frame)}`).join('\n')
}

module.exports = { describeStack, isRunning, profile: { start, stop }, stackBelow, stackOf, watched }
