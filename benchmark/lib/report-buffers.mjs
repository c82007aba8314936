import { table } from './markdown.mjs'
import { median, ratio } from './statistics.mjs'

const ALLOCATORS = {
  allocate: '**`externalBuffers.allocate(size)`**, left to the collector',
  released: '**`externalBuffers.allocate(size)`**, released at once',
  alloc: '`Buffer.alloc(size)`',
  allocUnsafeSlow: '`Buffer.allocUnsafeSlow(size)`',
}
const FOLLOWERS = {
  track: '**`externalBuffers.track(buffer)`**',
  byHand: 'a `FinalizationRegistry` with books, written by hand',
  register: 'a bare `registry.register(buffer)`',
}

const LOOKS = {
  rssBreakdown: '`rssBreakdown()`',
  workerRss: '`workerRss()`',
  usage: '`externalBuffers.usage()`',
  list: '`externalBuffers.list({ top: 10 })`',
}

/** Two tables for each Node, and two of all about following. */
export function reportBuffers(results) {
  const head = ['call', ...results.map(({ version }) => version)]
  const following = Object.entries(FOLLOWERS).map(([name, text]) => [
    text,
    ...results.map((result) => nanoseconds(result.following[name])),
  ])
  const against = ['byHand', 'register'].map((name) => [
    `\`track\` against ${FOLLOWERS[name]}`,
    ...results.map((result) => times(ratio(result.following.track, result.following[name]))),
  ])
  return [
    ...results.flatMap(({ version, allocation }) => [
      `### Allocation, Node ${version}`,
      ...allocationTables(allocation),
    ]),
    '### Following a buffer, nanoseconds',
    table(head, [...following, ...against]),
    '### A million tracked small buffers, milliseconds of processor time',
    table(head, millionRows(results)),
  ].join('\n\n')
}

function millionRows(results) {
  const looks = Object.entries(LOOKS).flatMap(([name, text]) => [
    [`${text}, none tracked`, ...results.map(({ million }) => milliseconds(million.without[name]))],
    [`${text}, all tracked`, ...results.map(({ million }) => milliseconds(million.tracked[name]))],
  ])
  return [
    ...looks,
    ['the longest `track()`', ...results.map(({ million }) => million.track.longest.toFixed(1))],
  ]
}

function milliseconds(samples) {
  return median(samples).toFixed(1)
}

function allocationTables(allocation) {
  const sizes = Object.keys(allocation)
  const head = ['call', ...sizes.map(readable)]
  const rows = (cell) =>
    Object.entries(ALLOCATORS).map(([name, text]) => [
      text,
      ...sizes.map((size) => cell(allocation[size], name)),
    ])
  return [
    'Microseconds a call, collections included:',
    table(
      head,
      rows((samples, name) => microseconds(samples[name])),
    ),
    'Times as long as `Buffer.alloc()`:',
    table(
      head,
      rows((samples, name) => times(ratio(samples[name], samples.alloc))),
    ),
  ]
}

function readable(bytes) {
  const kib = Number(bytes) / 1024
  return kib >= 1024 ? `${kib / 1024} MiB` : `${kib} KiB`
}

function microseconds(samples) {
  return (median(samples) / 1000).toPrecision(3)
}

function nanoseconds(samples) {
  return median(samples).toFixed(0)
}

function times({ median: middle, min, max }) {
  return `${middle.toPrecision(2)} (${min.toPrecision(2)}-${max.toPrecision(2)})`
}
