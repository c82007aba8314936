import { spawnSync } from 'node:child_process'

/** What reads the address space meanwhile, by the name that breakdown_stall.rs knows it by. */
export const READERS = ['none', 'spin', 'breakdown', 'regions', 'smaps', 'rollup']
/** Without pause, and as a monitor does. */
export const PACES = ['loop', '10hz']

const MILLISECONDS = 1000
const FIGURES = ['p50', 'p99', 'p999', 'max', 'lost', 'reading']

/** By pace and reader, the samples of each figure: one per round, the mean of there and back. */
export function measureStall(program, rounds) {
  return Object.fromEntries(PACES.map((pace) => [pace, measurePace(program, pace, rounds)]))
}

function measurePace(program, pace, rounds) {
  const samples = READERS.map((reader) => [reader, Object.fromEntries(FIGURES.map((figure) => [figure, []]))])
  const byReader = Object.fromEntries(samples)
  for (let round = 0; round < rounds; round++) {
    const there = runAll(program, READERS, pace)
    const back = runAll(program, READERS.toReversed(), pace)
    for (const reader of READERS) {
      for (const figure of FIGURES) {
        byReader[reader][figure].push((there[reader][figure] + back[reader][figure]) / 2)
      }
    }
  }
  return byReader
}

function runAll(program, readers, pace) {
  return Object.fromEntries(readers.map((reader) => [reader, run(program, reader, pace)]))
}

function run(program, reader, pace) {
  const { status, stdout, error } = spawnSync(program, [reader, pace, String(MILLISECONDS)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${program} ${reader} failed`, { cause: error })
  const numbers = stdout.trim().split(' ').map(Number)
  return Object.fromEntries(FIGURES.map((figure, index) => [figure, numbers[index]]))
}
