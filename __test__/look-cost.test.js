'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { withWorkers } = require('./helpers/worker-bills')

// Both figures are of the same call in the same process, so however busy the machine is they belong together. What is
// left out by ours are two readings of a clock and the return.
function assertIsTheCall(costs) {
  for (const { said, took } of costs) assert.ok(said <= took, JSON.stringify(costs))
  // One call in some may be put aside between our clock and the other.
  const honest = costs.filter(({ said, took }) => said >= took / 2)
  assert.ok(honest.length * 2 > costs.length, JSON.stringify(costs))
}

const measuring = `
  const { externalBuffers, rssBreakdown, workerRss } = require('./index.js')
  const cost = (call) => {
    const start = process.hrtime.bigint()
    const { costMicros: said } = call()
    return { said, took: Number(process.hrtime.bigint() - start) / 1000 }
  }
  const costs = (call, times = 7) => {
    call() // the first one compiles
    return Array.from({ length: times }, () => cost(call))
  }
  /** What a budget would have to be. */
  const predicted = (call) => {
    try {
      call({ budgetMs: 0 })
    } catch ({ predictedMs }) {
      return predictedMs * 1000
    }
  }`

const withMeasuring = (body, options) =>
  withWorkers(`async (...args) => {${measuring}; return (${body})(...args)}`, options)

/** In the words of the field: the prediction for the next call, and what the last calls took. */
function assertIsPredicted({ prediction, costs }) {
  const took = costs.map(({ took }) => took).sort((a, b) => a - b)
  // It is that of the last call, and these differ among each other by what the machine does beside.
  assert.ok(
    prediction >= took[0] / 3 && prediction <= took.at(-1) * 3,
    `${prediction} for ${took.map(Math.round).join()}`,
  )
}

describe('costMicros and budgetMs', () => {
  it('are of the whole call, in a small process and by every option (review C.2)', async () => {
    const looks = await withMeasuring(async () => {
      const calls = {
        parts: (options) => rssBreakdown(options),
        regions: (options) => rssBreakdown({ regions: true, ...options }),
        allocator: (options) => rssBreakdown({ allocator: true, ...options }),
        threads: (options) => workerRss(options),
        deep: (options) => workerRss({ deep: true, ...options }),
      }
      return Object.values(calls).map((call) => ({ costs: costs(call, 15), prediction: predicted(call) }))
    })
    for (const look of looks) {
      assertIsTheCall(look.costs)
      assertIsPredicted(look)
    }
  })

  it('know the books: 100,000 tracked buffers (review C.2)', async () => {
    const { few, many, predictions } = await withMeasuring(async () => {
      const few = costs(() => rssBreakdown())
      const predictions = [predicted((options) => rssBreakdown(options))]
      globalThis.kept = Array.from({ length: 100_000 }, () => externalBuffers.track(new ArrayBuffer(64)))
      predictions.push(predicted((options) => rssBreakdown(options))) // before any look at them
      const many = [() => rssBreakdown(), () => workerRss()].map((call) => costs(call, 3))
      predictions.push(predicted((options) => rssBreakdown(options)))
      return { few, many, predictions }
    })
    for (const all of [few, ...many]) assertIsTheCall(all)
    assert.ok(predictions[1] > predictions[0], String(predictions))
    assertIsPredicted({ prediction: predictions[2], costs: many[0] })
  })

  it("know the allocator's walk through 300,000 free pieces", async () => {
    const { costs, prediction } = await withMeasuring(async () => {
      require('./__test__/helpers/test-addon.js').checkerboard(300_000, 1500)
      const call = (options) => rssBreakdown({ allocator: true, ...options })
      return { costs: costs(call), prediction: predicted(call) }
    })
    assertIsTheCall(costs)
    assertIsPredicted({ costs, prediction })
  })

  it('know 500 threads, also where their arenas cannot be found (review C.5)', async () => {
    // libuv starts them all at the first call that needs one.
    for (const env of [{ MALLOC_ARENA_MAX: '1' }, {}]) {
      const looks = await withMeasuring(
        async () => {
          await require('node:fs/promises').stat('.')
          const calls = [(options) => rssBreakdown(options), (options) => workerRss(options)]
          return calls.map((call) => ({ costs: costs(call), prediction: predicted(call) }))
        },
        { env: { UV_THREADPOOL_SIZE: '500', ...env } },
      )
      for (const look of looks) {
        assertIsTheCall(look.costs)
        assertIsPredicted(look)
      }
    }
  })

  it('a search for arenas that found nothing is not repeated (review C.5)', async () => {
    // With one arena alone, looking for the place takes many times what the rest of a look does.
    const least = async (arenas) => {
      const all = await withMeasuring(
        async () => {
          await require('node:fs/promises').stat('.')
          return costs(() => rssBreakdown(), 60)
        },
        { env: { UV_THREADPOOL_SIZE: '500', MALLOC_ARENA_MAX: arenas } },
      )
      return Math.min(...all.map(({ took }) => took)) // one of sixty meets no other program
    }
    const [single, several] = [await least('1'), await least('1000')]
    assert.ok(single < 2 * several, `${single}, ${several}`)
  })

  it('waiting is in the cost and not in the prediction', async () => {
    const {
      cost: waited,
      before,
      after,
    } = await withMeasuring(async () => {
      const worker = await ToldWorker.start()
      const unblock = await worker.block()
      costs(() => workerRss())
      const before = predicted((options) => workerRss(options))
      const waited = cost(() => workerRss({ waitMs: 500 }))
      const after = predicted((options) => workerRss(options))
      unblock()
      return { cost: waited, before, after }
    })
    assert.ok(waited.said >= 500_000 && waited.said <= waited.took, JSON.stringify(waited))
    assert.ok(after < 400_000, `${before}, ${after}`)
  })
})
