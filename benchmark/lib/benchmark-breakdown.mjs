import { buildExample } from './build-example.mjs'
import { describeMachine } from './machine.mjs'
import { measureBreakdown } from './measure-breakdown.mjs'
import { measureStall } from './measure-stall.mjs'
import { reportBreakdown } from './report-breakdown.mjs'
import { reportStall } from './report-stall.mjs'

/** Measures the reading of where memory is, and the stalls it causes. Gives the report. */
export function benchmarkBreakdown(nodes, rounds) {
  const program = buildExample('breakdown_stall')
  const machine = describeMachine(rounds)
  const results = nodes.map(({ path, version }) => ({ version, scenarios: measureBreakdown(path, rounds) }))
  console.error('stalls of another thread')
  const stalls = measureStall(program, rounds)
  return [machine, reportBreakdown(results), reportStall(stalls)].join('\n\n')
}
