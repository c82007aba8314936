'use strict'

const { BufferProfile } = require('./buffer-profile')
const { shareOf } = require('./coverage')
const { SiteTree } = require('./site-tree')

/** The profiles of all threads in one: the outermost frame of each stack is its thread. */
class ThreadsProfile extends BufferProfile {
  #threads

  /** `threads` are what each answered, with `raw`, the root and the circumstances of its profile, or null. */
  constructor(threads) {
    const stopped = threads.filter(({ raw }) => raw !== null)
    super(mergedRoot(stopped), mergedCircumstances(stopped.map(({ raw }) => raw.circumstances)))
    this.#threads = threads.map(({ raw, ...thread }) => ({
      ...thread,
      profile: raw && new BufferProfile(raw.root, raw.circumstances),
    }))
  }

  get threads() {
    return this.#threads.map((thread) => ({ ...thread }))
  }
}

function mergedRoot(threads) {
  const tree = new SiteTree()
  for (const { threadId, name, raw } of threads) {
    const thread = { functionName: labelOf(threadId, name), script: '', line: null, column: null }
    for (const { bytes, count, stack } of raw.root.walk()) {
      if (bytes === 0) continue
      const site = tree.at([...stack, thread])
      site.bytes += bytes
      site.count += count
    }
  }
  return tree.root
}

function labelOf(threadId, name) {
  if (threadId === 0) return 'main thread'
  return name ? `worker ${threadId} (${name})` : `worker ${threadId}`
}

/** Sums of what adds up, and the extremes of what does not. */
function mergedCircumstances(all) {
  const each = (read) => all.map(read)
  const sum = (read) => each(read).reduce((total, value) => total + value, 0)
  const most = (read) => Math.max(0, ...each(read))
  const growths = each(({ coverage }) => coverage.externalGrowthBytes)
  const growth = growths.includes(null) ? null : growths.reduce((total, value) => total + value, 0)
  const liveBytes = sum(({ coverage }) => coverage.liveBytes)
  return {
    sampleBytes: most(({ sampleBytes }) => sampleBytes),
    startedAt: Math.min(Date.now(), ...each(({ startedAt }) => startedAt)),
    durationMs: most(({ durationMs }) => durationMs),
    sampling: {
      samples: sum(({ sampling }) => sampling.samples),
      coarsestSampleBytes: most(({ sampling }) => sampling.coarsestSampleBytes),
      timeShare: most(({ sampling }) => sampling.timeShare),
      maxTimeShare: most(({ sampling }) => sampling.maxTimeShare),
    },
    coverage: {
      watchedBytes: sum(({ coverage }) => coverage.watchedBytes),
      liveBytes,
      externalGrowthBytes: growth,
      share: shareOf(liveBytes, growth),
    },
  }
}

module.exports = { ThreadsProfile }
