// A slice is a function that runs one contender for some milliseconds and gives nanoseconds per call.

import { spawnSync } from 'node:child_process'

/** Long against the clock and a scheduler tick, short against the drift of a machine. */
const SLICE_NANOSECONDS = 10e6
/** V8 optimizes after some thousand calls. */
const WARM_UP_CALLS = 20_000
const ASYNC_WARM_UP_CALLS = 200

export function syncSlice(call) {
  const loop = createLoop()
  let calls
  return () => {
    calls ??= callsPerSlice(warmUp(loop, call))
    return time(loop, call, calls)
  }
}

let loops = 0

/**
 * A loop of its own for each contender: in a shared one V8 would see many callees and inline none of them, which
 * nobody's program does. It keeps the last result, or V8 would not even build it. The number makes the source
 * unique: equal ones share what V8 learned about them.
 */
function createLoop() {
  loops++
  const body = `/* ${loops} */ let last; for (let i = 0; i < count; i++) last = call(); return last`
  return new Function('call', 'count', body)
}

/** Several calls of the loop itself, for the same reason. Gives the speed of the last. */
function warmUp(loop, call) {
  let nanoseconds = 0
  for (let i = 0; i < 5; i++) nanoseconds = time(loop, call, WARM_UP_CALLS / 5)
  return nanoseconds
}

function time(loop, call, count) {
  const start = process.hrtime.bigint()
  loop(call, count)
  return Number(process.hrtime.bigint() - start) / count
}

/** With few warm-up calls also for slow ones that are not asynchronous: waiting for nothing takes no microsecond. */
export function asyncSlice(call, warmUpCalls = ASYNC_WARM_UP_CALLS) {
  let calls
  return async () => {
    calls ??= callsPerSlice(await timeAsync(call, warmUpCalls))
    return timeAsync(call, calls)
  }
}

async function timeAsync(call, count) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < count; i++) await call()
  return Number(process.hrtime.bigint() - start) / count
}

/** A slice of statm_floor.rs, a process of its own: nothing of Node is in its way. */
export function floorSlice(program, kind) {
  let calls
  return () => {
    calls ??= callsPerSlice(runFloor(program, kind, WARM_UP_CALLS))
    return runFloor(program, kind, calls)
  }
}

function runFloor(program, kind, count) {
  const { status, stdout, error } = spawnSync(program, [kind, String(count)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${program} failed`, { cause: error })
  return Number(stdout)
}

function callsPerSlice(nanosecondsPerCall) {
  return Math.ceil(SLICE_NANOSECONDS / nanosecondsPerCall)
}
