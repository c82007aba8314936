import { describeMachine } from './machine.mjs'
import { measureThreads } from './measure-threads.mjs'
import { reportThreads } from './report-threads.mjs'

/** Measures the reading of what belongs to which thread. Gives the report. */
export function benchmarkThreads(nodes, rounds) {
  const machine = describeMachine(rounds)
  const results = nodes.map(({ path, version }) => ({ version, ...measureThreads(path, rounds) }))
  return [machine, reportThreads(results)].join('\n\n')
}
