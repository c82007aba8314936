import { table } from './markdown.mjs'
import { PACES, READERS } from './measure-stall.mjs'
import { median, ratio } from './statistics.mjs'

const LABELS = {
  none: 'none',
  spin: 'none, but a thread that spins',
  breakdown: '**`rssBreakdown()`**',
  regions: '**`rssBreakdown({ regions: true })`**',
  smaps: '`smaps`, read',
  rollup: '`smaps_rollup`, read',
}
const PACE_TITLES = { loop: 'Read without pause', '10hz': 'Read ten times a second' }
const HEAD = [
  'reader',
  'p50 µs',
  'p99 µs',
  'p99.9 µs',
  'max µs',
  'min-max of max',
  '% of the time over 1 ms',
  'ms a reading',
]

/** The target, and a table for each pace. */
export function reportStall(stalls) {
  return [
    '### How long another thread is held up',
    targetLine(stalls.loop),
    ...PACES.flatMap((pace) => [`#### ${PACE_TITLES[pace]}`, paceTable(stalls[pace])]),
  ].join('\n\n')
}

function targetLine({ smaps, breakdown, regions }) {
  const times = ({ p99 }) => ratio(smaps.p99, p99).median.toPrecision(3)
  return `Target: p99 at least 20 times smaller than under \`smaps\`. It is ${times(breakdown)} times smaller, with regions ${times(regions)} times.`
}

function paceTable(byReader) {
  return table(
    HEAD,
    READERS.map((reader) => row(LABELS[reader], byReader[reader])),
  )
}

function row(label, samples) {
  const figure = (name) => median(samples[name])
  return [
    label,
    figure('p50').toFixed(1),
    figure('p99').toFixed(0),
    figure('p999').toFixed(0),
    figure('max').toFixed(0),
    `${Math.min(...samples.max).toFixed(0)}-${Math.max(...samples.max).toFixed(0)}`,
    figure('lost').toFixed(2),
    figure('reading').toFixed(2),
  ]
}
