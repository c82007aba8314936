import { table } from './markdown.mjs'
import { SCENARIOS } from './measure-breakdown.mjs'
import { median, ratio } from './statistics.mjs'

const CONTENDERS = {
  breakdown: '**`rssBreakdown()`**',
  regions: '**`rssBreakdown({ regions: true })`**',
  breakdownAsync: '**`await rssBreakdownAsync()`**',
  smaps: '`smaps`, read and parsed in JavaScript',
  rawSmaps: '`smaps`, read',
  rollup: '`smaps_rollup`, read',
  psutilMaps: 'psutil `memory_maps()`',
  psutilFullInfo: 'psutil `memory_full_info()`',
  report: '`process.report.getReport()`',
}
const CALL_HEAD = ['call', 'ms', 'min-max', 'times as long as `rssBreakdown()`', 'min-max']

/** Text, and the figure to be seen beside it. */
const TARGETS = [
  ['1 GB in large buffers: at least 10 times cheaper than `smaps`', timesCheaper('buffers', 'rawSmaps')],
  ['1 GB of objects: at least 5 times cheaper than `smaps`', timesCheaper('objects', 'rawSmaps')],
  ['1 GB of objects: 3 ms', milliseconds('objects')],
  ['a small process: less than 0.3 ms', milliseconds('small')],
]

/** The targets, and a table for each scenario on each Node. */
export function reportBreakdown(results) {
  return [
    '### Targets',
    table(
      ['target', ...results.map(({ version }) => version)],
      TARGETS.map(([text, figure]) => [text, ...results.map(figure)]),
    ),
    '### Calls',
    ...results.flatMap(({ version, scenarios }) => [`#### Node ${version}`, ...scenarioTables(scenarios)]),
  ].join('\n\n')
}

function timesCheaper(scenario, contender) {
  return ({ scenarios }) => times(ratio(scenarios[scenario][contender], scenarios[scenario].breakdown).median)
}

function milliseconds(scenario) {
  return ({ scenarios }) => inMilliseconds(median(scenarios[scenario].breakdown))
}

function scenarioTables(scenarios) {
  return Object.entries(scenarios).flatMap(([name, samples]) => [
    `${SCENARIOS[name]}:`,
    table(
      CALL_HEAD,
      Object.entries(CONTENDERS).map(([contender, text]) => row(text, samples[contender], samples.breakdown)),
    ),
  ])
}

function row(text, samples, ours) {
  if (samples === null) return [text, 'not installed', '', '', '']
  const toOurs = ratio(samples, ours)
  return [
    text,
    inMilliseconds(median(samples)),
    `${inMilliseconds(Math.min(...samples))}-${inMilliseconds(Math.max(...samples))}`,
    times(toOurs.median),
    `${times(toOurs.min)}-${times(toOurs.max)}`,
  ]
}

function inMilliseconds(nanoseconds) {
  return times(nanoseconds / 1e6)
}

/** Three digits that mean something. */
function times(number) {
  return number >= 100 ? number.toFixed(0) : number.toPrecision(3)
}
