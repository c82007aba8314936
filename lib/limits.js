'use strict'

const native = require('../native')
const { memoryUsage } = require('./memory-usage')
const { threadId } = require('./thread-identity')

/** The options that set the limit of the heap, with the name that is shown. V8 takes `_` for `-`. */
const HEAP_OPTION = /^--max[-_](?:old[-_]space[-_]size(?:[-_]percentage)?|heap[-_]size)(?:=|$)/

function limits() {
  const { cgroup, rlimit, host } = native.systemLimits()
  const answer = { heap: heap(), cgroup: cgroup ? ofCgroup(cgroup) : null, rlimit, host }
  answer.nearest = nearest(answer)
  return answer
}

/** V8's limit for the heap of this thread. Garbage is in `used`, so more may be left. */
function heap() {
  const { heapLimit: limit, heapUsed: used } = memoryUsage()
  return { limit, used, available: Math.max(limit - used, 0), source: heapSource() }
}

/** Who set it: a worker's is always set by Node. */
function heapSource() {
  if (threadId !== 0) return 'resourceLimits'
  const ofCommandLine = lastHeapOption(process.execArgv)
  if (ofCommandLine) return ofCommandLine
  const ofVariable = lastHeapOption((process.env.NODE_OPTIONS ?? '').split(/\s+/))
  return ofVariable ? `NODE_OPTIONS ${ofVariable}` : 'V8'
}

/** The one that counts, as it was written; its value may be an argument of its own. */
function lastHeapOption(args) {
  const index = args.findLastIndex((arg) => HEAP_OPTION.test(arg))
  if (index < 0) return null
  return args[index].includes('=') ? args[index] : `${args[index]} ${args[index + 1]}`
}

function ofCgroup({ bound, pressure, killsGroup, isUpperBound, ...rest }) {
  return { ...bound, ...rest, pressure, oomGroup: killsGroup, upperBound: isUpperBound }
}

/** The one with the least left. Beyond `high` nobody is killed. */
function nearest(answer) {
  let found = null
  for (const kind of ['heap', 'cgroup', 'rlimit', 'host']) {
    const { limit, used, available, source } = answer[kind] ?? {}
    if (typeof available === 'number' && !(found?.available <= available)) {
      found = { kind, limit, used, available, source }
    }
  }
  return found
}

module.exports = { limits }
