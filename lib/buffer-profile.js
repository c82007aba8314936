'use strict'

const { BufferProfile } = require('./profile/buffer-profile')
const { captureStack } = require('./profile/call-stack')
const { describe } = require('./profile/frame-text')
const { FrameTable } = require('./profile/frame-table')
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

/** The stack that allocated a buffer, a frame a line; `null` when it was not sampled or no profile is running. */
function stackOf(buffer) {
  const stack = running?.sampler.stackOf(buffer)
  return stack ? lines(stack) : null
}

/** The stack of the running call from the caller of `below` on, in the same form. */
function describeCallers(below) {
  const frames = new FrameTable()
  return lines(captureStack(below).map((callSite) => frames.frameOf(callSite)))
}

function lines(stack) {
  return stack.map((frame) => `    at ${describe(frame)}`).join('\n')
}

module.exports = { describeCallers, isRunning, profile: { start, stop }, stackOf }
