import { table } from './markdown.mjs'
import { KINDS, MODES } from './measure-profile.mjs'
import { median, ratio } from './statistics.mjs'

const LABELS = {
  off: 'off',
  on: '**on, a sample in 512 KiB**',
  control: 'control: off once more',
}
const TITLES = {
  chunks: 'A body in chunks: 64 KiB a request in four allocations',
  pieces: 'The worst case: 20 KiB a request in fifty allocations and views, and hardly any other work',
}
const HEAD = [
  'profile',
  'requests/s',
  'less than off',
  'min-max',
  'CPU µs a request',
  'more than off',
  'min-max',
]

/** The target, and a table for each Node. */
export function reportProfile(results) {
  return [
    '### Throughput of a server that allocates',
    'Target: below 2 % of throughput.',
    ...results.flatMap(({ version, byKind }) => [
      `#### Node ${version}`,
      ...KINDS.flatMap((kind) => [`${TITLES[kind]}:`, kindTable(byKind[kind])]),
    ]),
  ].join('\n\n')
}

function kindTable(samples) {
  return table(
    HEAD,
    MODES.map((mode) => row(LABELS[mode], samples[mode], samples.off)),
  )
}

function row(label, samples, off) {
  return [
    label,
    median(samples.rate).toFixed(0),
    ...change(samples.rate, off.rate, -100),
    median(samples.cpu).toFixed(1),
    ...change(samples.cpu, off.cpu, 100),
  ]
}

/** By how many percent, the median and the extremes of the rounds. */
function change(samples, base, percent) {
  if (samples === base) return ['', '']
  const toBase = ratio(samples, base)
  const [middle, ...ends] = [toBase.median, toBase.min, toBase.max].map((times) => (times - 1) * percent)
  const [low, high] = ends.sort((a, b) => a - b)
  return [`${middle.toFixed(1)} %`, `${low.toFixed(1)} to ${high.toFixed(1)} %`]
}
