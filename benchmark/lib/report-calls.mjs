import { table } from './markdown.mjs'
import { median, ratio } from './statistics.mjs'

/** Label, where the samples are, and what Node's own answer to the same question is. */
const RSS_ALONE = [
  ['floor: `pread` of a kept statm, in Rust', 'calls', 'floor', 'coreRss'],
  ["the same without libc's wrapper", 'calls', 'bareFloor', 'coreRss'],
  ['**`memoryUsage.rss()`**', 'calls', 'rss', 'coreRss'],
  ['`process.memoryUsage.rss()`', 'calls', 'coreRss', 'coreRss'],
  ['statm in JavaScript, kept descriptor', 'calls', 'readKeptStatm', 'coreRss'],
  ['statm in JavaScript, `readFileSync`', 'calls', 'readStatmFile', 'coreRss'],
  ['`await pidusage(process.pid)`', 'calls', 'pidusage', 'coreRss'],
]
const ALL_FIGURES = [
  ['**`memoryUsage()`**', 'calls', 'memoryUsage', 'coreMemoryUsage'],
  ["`memoryUsage()` without V8's symbols", 'fallback', 'memoryUsage', 'coreMemoryUsage'],
  ['`process.memoryUsage()`', 'calls', 'coreMemoryUsage', 'coreMemoryUsage'],
]
const CALL_HEAD = ['call', 'ns', 'times as fast as core', 'min-max', 'times the floor', 'min-max']

/** Text, and the samples whose ratio it is. */
const TARGETS = [
  ['`memoryUsage()` at least 5 times as fast as core', 'coreMemoryUsage', 'memoryUsage'],
  ['`.rss()` at least 6.5 times as fast as core', 'coreRss', 'rss'],
  ['floor vs core: what no reader of statm can exceed', 'coreRss', 'floor'],
  ["the same without libc's wrapper", 'coreRss', 'bareFloor'],
  ['`.rss()` at most 1.4 times the floor', 'rss', 'floor'],
]

/** Text, and the samples whose difference it is. */
const STEPS = [
  ['the system call', 'bareFloor'],
  ['+ Node-API call and parsing (`readRss`)', 'readRss', 'bareFloor'],
  ["+ V8's heap statistics (`readTotals`)", 'readTotals', 'readRss'],
  ['+ the object, and V8 reopening its allocation area', 'memoryUsage', 'readTotals'],
  ['= `memoryUsage()`', 'memoryUsage'],
  ['what the JavaScript of `.rss()` adds to `readRss`', 'rss', 'readRss'],
  ['a Node-API call through napi-rs that only gives a boolean', 'trivialCall'],
  ['`v8.getHeapStatistics()`', 'heapStatistics'],
  ["core's own `memoryUsage()` less its `.rss()`", 'coreMemoryUsage', 'coreRss'],
]

/** The targets, a table for each Node, and where the time goes. */
export function reportCalls(results) {
  return [
    '### Targets',
    table(
      ['target', ...versions(results)],
      TARGETS.map((target) => targetRow(target, results)),
    ),
    '### Calls',
    ...results.flatMap((result) => [`#### Node ${result.version}`, callTable(result)]),
    '### Where the time goes',
    'Nanoseconds. A line with a + is what it adds to the one above; a few of them either way are noise.',
    table(
      ['step', ...versions(results)],
      STEPS.map((step) => stepRow(step, results)),
    ),
  ].join('\n\n')
}

function versions(results) {
  return results.map(({ version }) => version)
}

function targetRow([text, larger, smaller], results) {
  return [text, ...results.map(({ calls }) => ratio(calls[larger], calls[smaller]).median.toFixed(2))]
}

function stepRow([text, whole, part], results) {
  const nanoseconds = ({ calls }) => median(calls[whole]) - (part ? median(calls[part]) : 0)
  return [text, ...results.map((result) => nanoseconds(result).toFixed(0))]
}

function callTable(result) {
  return table(
    CALL_HEAD,
    [...RSS_ALONE, ...ALL_FIGURES].map((row) => callRow(row, result)),
  )
}

function callRow([text, run, name, core], result) {
  const samples = result[run]
  const toCore = ratio(samples[core], samples[name])
  const toFloor = ratio(samples[name], samples.floor)
  return [
    text,
    median(samples[name]).toFixed(0),
    times(toCore.median),
    `${times(toCore.min)}-${times(toCore.max)}`,
    times(toFloor.median),
    `${times(toFloor.min)}-${times(toFloor.max)}`,
  ]
}

/** Three digits that mean something, be it 0.00412 or 1437. */
function times(ratio) {
  return ratio >= 100 ? ratio.toFixed(0) : ratio.toPrecision(3)
}
