// Runs in each Node: sets a scenario up, measures every way to learn where its memory is, and prints the samples as
// JSON: nanoseconds per call, one figure per round. A contender that is missing here is null.
//
//   node --expose-gc breakdown.mjs SCENARIO ROUNDS

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { requireAgreement } from './agreement.mjs'
import { interleave } from './interleave.mjs'
import { startPsutil } from './psutil.mjs'
import { setUp } from './scenarios.mjs'
import { asyncSlice } from './slices.mjs'
import { readSmaps, residentIn } from './smaps-reader.mjs'

const require = createRequire(import.meta.url)
const { rssBreakdown, rssBreakdownAsync } = require('rs-memusage')

/** Some of these take tens of milliseconds a call. */
const WARM_UP_CALLS = 3

const [scenario, rounds] = process.argv.slice(2)
const held = await setUp(scenario)
const psutil = await startPsutil()

requireAgreement({
  'process.memoryUsage()': process.memoryUsage.rss(),
  'rssBreakdown()': rssBreakdown().rss,
  'rssBreakdown({ regions: true })': sum(
    rssBreakdown({ regions: true }).regions.map((region) => region.resident),
  ),
  'rssBreakdownAsync()': (await rssBreakdownAsync()).rss,
  smaps: residentIn(readSmaps()),
})

if ('excludeNetwork' in process.report) process.report.excludeNetwork = true

// What is divided by each other stands side by side.
const contenders = {
  regions: slice(() => rssBreakdown({ regions: true })),
  breakdown: slice(() => rssBreakdown()),
  smaps: slice(readSmaps),
  breakdownAsync: slice(() => rssBreakdownAsync()),
  rawSmaps: slice(() => readFileSync('/proc/self/smaps')),
  rollup: slice(() => readFileSync('/proc/self/smaps_rollup')),
  report: slice(() => process.report.getReport()),
  ...(psutil && {
    psutilMaps: () => psutil.nanosecondsOf('memory_maps'),
    psutilFullInfo: () => psutil.nanosecondsOf('memory_full_info'),
  }),
}
const samples = await interleave(contenders, Number(rounds))
psutil?.stop()
console.log(JSON.stringify({ psutilMaps: null, psutilFullInfo: null, ...samples }))
held.release()

function slice(call) {
  return asyncSlice(call, WARM_UP_CALLS)
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}
