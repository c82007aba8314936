import { table } from './markdown.mjs'
import { WORKER_COUNTS } from './measure-threads.mjs'
import { median, ratio } from './statistics.mjs'

const CONTENDERS = {
  workerRss: '**`workerRss()`**',
  patient: '**`workerRss({ waitMs: 1000 })`**',
  breakdown: '**`rssBreakdown()`**',
  heapStatistics: '`worker.getHeapStatistics()` of all',
  polling: '`process.memoryUsage()` of all, by `postMessage`',
  report: '`process.report.getReport()`',
}
const SEARCH_HEAD = ['Node', 'ms', 'MiB of heap', 'ms per GiB', 'min-max', 'a copy of as much', 'min-max']
const GIB = 1024 ** 3

/** The targets, two tables for each Node, and one of the searches. */
export function reportThreads(results) {
  return [
    '### Targets',
    table(['target', ...results.map(({ version }) => version)], targetRows(results)),
    '### Calls',
    ...results.flatMap(({ version, byWorkers }) => [`#### Node ${version}`, ...callTables(byWorkers)]),
    '### `workerRss({ deep: true })`',
    table(SEARCH_HEAD, results.map(searchRow)),
  ].join('\n\n')
}

function targetRows(results) {
  const timesCheaper = ({ byWorkers: { 16: samples } }) =>
    times(ratio(samples.report, samples.workerRss).median)
  return [
    ['16 workers: at least 50 times cheaper than `getReport()`', ...results.map(timesCheaper)],
    ['16 workers: ms', ...results.map(({ byWorkers }) => milliseconds(byWorkers[16].workerRss))],
    ['a search: 100 ms per GiB of heap', ...results.map(({ search }) => times(median(perGib(search))))],
  ]
}

function callTables(byWorkers) {
  const cells = (cell) =>
    Object.entries(CONTENDERS).map(([name, text]) => [
      text,
      ...WORKER_COUNTS.map((workers) =>
        byWorkers[workers][name] === null ? '-' : cell(byWorkers[workers], name),
      ),
    ])
  return [
    'Milliseconds, by the number of workers:',
    table(
      ['call', ...WORKER_COUNTS.map(String)],
      cells((samples, name) => milliseconds(samples[name])),
    ),
    'Times as long as `workerRss()`:',
    table(['call', ...WORKER_COUNTS.map(String)], cells(toOurs)),
  ]
}

function toOurs(samples, name) {
  const { median: middle, min, max } = ratio(samples[name], samples.workerRss)
  return `${times(middle)} (${times(min)}-${times(max)})`
}

function searchRow({ version, search }) {
  const ours = perGib(search)
  const spread = (samples) => `${times(Math.min(...samples))}-${times(Math.max(...samples))}`
  const copies = search.samples.copy.map((nanoseconds) => ((nanoseconds / 1e6) * GIB) / search.copiedBytes)
  return [
    version,
    milliseconds(search.samples.deep),
    times(search.searchedBytes / 1024 ** 2),
    times(median(ours)),
    spread(ours),
    times(median(copies)),
    spread(copies),
  ]
}

/** What a search adds to a call, in milliseconds per GiB of heap. */
function perGib({ samples, searchedBytes }) {
  return samples.deep.map(
    (nanoseconds, round) => (((nanoseconds - samples.plain[round]) / 1e6) * GIB) / searchedBytes,
  )
}

function milliseconds(nanoseconds) {
  return times(median(nanoseconds) / 1e6)
}

/** Three digits that mean something. */
function times(number) {
  return number >= 100 ? number.toFixed(0) : number.toPrecision(3)
}
