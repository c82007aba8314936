// Where the figures come from: without it no figure means anything.

import { availableParallelism, cpus, loadavg, release } from 'node:os'

/** One paragraph about the machine, the moment and the method's one parameter. */
export function describeMachine(rounds) {
  const { glibcVersionRuntime: glibc } = reportHeader()
  return [
    `Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus()[0]?.model ?? process.arch},`,
    `${availableParallelism()} cores, ${process.platform} ${release()},`,
    `${glibc ? `glibc ${glibc}` : 'musl'}, load average ${loadavg()[0].toFixed(2)} at the start;`,
    `median of ${rounds} rounds.`,
  ].join('\n')
}

function reportHeader() {
  process.report.excludeNetwork = true // it would look up the names of all sockets
  return process.report.getReport().header
}
