'use strict'

const { writeFileSync } = require('node:fs')
const { invalidValue, validateString } = require('../validate')
const { describe } = require('./frame-text')
const { toFolded } = require('./folded')
const { toHeapProfile } = require('./heap-profile')
const { toPprof } = require('./pprof')

/** By ending, what goes into such a file. */
const FORMATS = {
  '.heapprofile': (profile) => JSON.stringify(profile.toHeapProfile()),
  '.pb.gz': (profile) => profile.toPprof(),
  '.folded': (profile) => profile.toFolded(),
  '.txt': (profile) => profile.toFolded(),
}

/** What was alive when a profile was stopped; it does not change any more. */
class BufferProfile {
  #root
  #sites
  #circumstances

  /** `root` is that of a SiteTree; `circumstances` are sampleBytes, startedAt, durationMs, sampling and
   * coverage. */
  constructor(root, circumstances) {
    this.#root = root
    this.#sites = [...root.walk()].filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
    this.#circumstances = circumstances
  }

  get sampleBytes() {
    return this.#circumstances.sampleBytes
  }

  get durationMs() {
    return this.#circumstances.durationMs
  }

  get sampling() {
    return { ...this.#circumstances.sampling }
  }

  get coverage() {
    return { ...this.#circumstances.coverage }
  }

  get liveBytes() {
    return Math.round(this.#sites.reduce((sum, { bytes }) => sum + bytes, 0))
  }

  get sites() {
    return this.#sites.map(({ bytes, count, stack }) => ({
      bytes: Math.round(bytes),
      count: Math.round(count),
      stack: stack.map(describe),
    }))
  }

  toHeapProfile() {
    return toHeapProfile(this.#root)
  }

  toPprof() {
    return toPprof(this.#sites, this.#circumstances)
  }

  toFolded() {
    return toFolded(this.#sites)
  }

  save(path) {
    validateString(path, 'path')
    const ending = Object.keys(FORMATS).find((ending) => path.endsWith(ending))
    if (!ending) throw invalidValue('path', `must end in ${Object.keys(FORMATS).join(', ')}`, path)
    writeFileSync(path, FORMATS[ending](this))
  }
}

module.exports = { BufferProfile }
