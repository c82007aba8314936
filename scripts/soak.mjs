// Looks at a process that does not hold still, for as long as one likes.
//
//   node scripts/soak.mjs --minutes 10
//   node scripts/soak.mjs --workers 10000
//
// The main thread and three workers call rssBreakdown(), rssBreakdown({ regions: true }) and rssBreakdownAsync() in
// loops, while other workers allocate and free objects, buffers of all sizes and WebAssembly memories, look too, and
// come and go; half of them are terminated in the middle of whatever they do. Four times everything comes to rest:
// the workers that allocate are gone, the others wait, garbage is collected and the C allocator trimmed.
//
// With --workers they call workerRss() and workerRssAsync() instead, with and without waiting and deep, while as many
// workers come and go: idle ones, blocked ones and busy ones, with the package and without, all at random.
//
// It prints what happened up to each rest, and ends with status 1 when
//   - parts are not whole numbers from 0 on, or do not add up to `rss`; regions overlap or leave their order;
//   - at rest `other` is more than 5 % of `rss`, or `rss` is not what the kernel counts;
//   - there are more descriptors at the last rest than at the first;
//   - RSS at the last rest is more than 32 MiB above that at the second, the pages aside that V8 keeps for reuse and the
//     arenas of threads that ended: how large those are depends on who ended last. glibc's trim leaves the free end of
//     an arena alone, and the same workers leave as much there where nobody looks;
//   - what the program holds of malloc, in any arena, has grown by more than 8 MiB since the second rest;
//   - bills do not add up, or are left of threads that are gone;
//   - a worker fails.

import { once } from 'node:events'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { collectGarbage } from './lib/collect-garbage.mjs'
import { Looker } from './lib/looker.mjs'

const require = createRequire(import.meta.url)
const { memoryUsage, rssBreakdown, trim, workerRss } = require('..')
const { isRegistered } = require('../native')

const MIB = 1024 * 1024
const LOOKING_WORKERS = 3
const ALLOCATING_WORKERS = 5
const QUARTERS = 4

const { values } = parseArgs({ options: { minutes: { type: 'string' }, workers: { type: 'string' } } })
const subject = values.workers === undefined ? 'process' : 'threads'
const amount = Number(values.workers ?? values.minutes ?? 10)
if (!(amount > 0)) throw new RangeError('--minutes and --workers take a number above 0')

const problems = []
const workers = { come: 0, terminated: 0, lastId: 0 }
const looker = new Looker(subject)
const lookingWorkers = await Promise.all(Array.from({ length: LOOKING_WORKERS }, startLooking))
console.log(
  `node ${process.version}, process ${process.pid}, ${amount} ${values.workers ? 'workers' : 'minutes'}`,
)

const rests = []
for (let quarter = 1; quarter <= QUARTERS; quarter++) {
  const isOver = endOfQuarter(quarter)
  for (const worker of lookingWorkers) worker.postMessage('look')
  await Promise.all([
    looker.lookUntil(isOver),
    ...Array.from({ length: ALLOCATING_WORKERS }, () => comeAndGo(isOver)),
  ])
  const looks = (await Promise.all(lookingWorkers.map(rest))).reduce(
    (sum, count) => sum + count,
    looker.looks,
  )
  rests.push(await lookAtRest(quarter, looks))
}
problems.push(...looker.problems, ...problemsOverTime(rests))
for (const problem of problems) console.log(`PROBLEM: ${problem}`)
console.log(problems.length === 0 ? 'no problem' : `${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)

function endOfQuarter(quarter) {
  if (values.workers !== undefined) return () => workers.come >= (amount * quarter) / QUARTERS
  const end = Date.now() + (amount * 60_000) / QUARTERS
  return () => Date.now() >= end
}

async function startLooking() {
  const worker = new Worker(new URL('./lib/looking-worker.mjs', import.meta.url), { workerData: { subject } })
  worker.on('error', (error) => problems.push(`a looking worker failed: ${error.stack}`))
  await once(worker, 'online')
  return worker
}

/** Brings a looking worker to rest; gives the number of looks it has taken since it started. */
async function rest(worker) {
  worker.postMessage('rest')
  const [answer] = await once(worker, 'message')
  problems.push(...answer.problems)
  return answer.looks
}

/** Starts one worker after the other. Some end by themselves, some are terminated at any moment. */
async function comeAndGo(isOver) {
  while (!isOver()) {
    const lifetimeMs = (subject === 'threads' ? 20 : 1000) * Math.random() ** 2
    const patience = Math.random() < 0.5 ? lifetimeMs : Number.POSITIVE_INFINITY
    workers.come++
    const worker = subject === 'threads' ? startPassing(lifetimeMs) : startAllocating(lifetimeMs)
    worker.on('error', (error) => problems.push(`a worker failed: ${error.stack}`))
    workers.lastId = Math.max(workers.lastId, worker.threadId)
    const gone = once(worker, 'exit')
    if (patience < Number.POSITIVE_INFINITY) {
      await sleep(patience)
      await worker.terminate()
      workers.terminated++
    }
    await gone
  }
}

function startAllocating(lifetimeMs) {
  return new Worker(new URL('./lib/allocating-worker.mjs', import.meta.url), { workerData: { lifetimeMs } })
}

function startPassing(lifetimeMs) {
  const activities = ['idle', 'wait', 'spin', 'promises', 'allocate']
  const activity = activities[Math.trunc(Math.random() * activities.length)]
  const [loads, looks] = [Math.random() < 0.8, Math.random() < 0.3]
  return new Worker(new URL('./lib/passing-worker.mjs', import.meta.url), {
    workerData: { lifetimeMs, loads, looks, activity },
  })
}

async function lookAtRest(quarter, looks) {
  collectGarbage()
  await trim?.()
  await sleep(100) // threads of V8 and of the pool finish what they were at
  const { rss, parts, nativeHeap } = rssBreakdown({ allocator: true })
  const counted = memoryUsage.rss()
  const descriptors = openFiles()
  const share = parts.other / rss
  console.log(
    `quarter ${quarter}: ${looks} looks, ${workers.come} workers come and gone (${workers.terminated} terminated), ` +
      `${descriptors.length} descriptors, RSS ${(rss / MIB).toFixed(1)} MiB, other ${(share * 100).toFixed(2)} %, ` +
      `${problems.length + looker.problems.length} problems`,
  )
  console.log(
    `  ${inMib({ ...parts, 'malloc in use': nativeHeap.inUse, 'dead arenas': nativeHeap.deadArenas })}`,
  )
  problems.push(...leftThreads())
  if (share > 0.05) problems.push(`other is ${parts.other} of ${rss} at rest ${quarter}`)
  if (Math.abs(rss - counted) > Math.max(2 * MIB, counted / 100)) {
    problems.push(`the parts add up to ${rss} at rest ${quarter}, the kernel counts ${counted}`)
  }
  return { rss: rss - parts.v8Pool - (nativeHeap.deadArenas ?? 0), inUse: nativeHeap.inUse ?? 0, descriptors }
}

/** At rest there are the main thread and those that look. */
function leftThreads() {
  const known = workerRss().threads.filter(({ kind }) => kind === 'worker')
  const looking = lookingWorkers.map(({ threadId }) => threadId)
  const registered = Array.from({ length: workers.lastId }, (_, index) => index + 1).filter(isRegistered)
  const left = registered.filter((threadId) => !looking.includes(threadId))
  const found = left.length === 0 ? [] : [`threads ${left} are gone and on the registry`]
  if (known.length !== looking.length)
    found.push(`${known.length} workers are known, ${looking.length} are there`)
  return found
}

/**
 * What the open descriptors name, without the numbers of pipes and sockets. Scripts do not count: Node 20 leaves a
 * module open when its thread is terminated while it reads it.
 */
function openFiles() {
  if (!existsSync('/proc/self/fd')) return []
  const names = readdirSync('/proc/self/fd').flatMap((number) => {
    try {
      return [readlinkSync(`/proc/self/fd/${number}`).replace(/:\[\d+\]$/, '')]
    } catch {
      return [] // the descriptor of the reading itself
    }
  })
  return names.filter((name) => !/\.m?js$/.test(name))
}

function counts(names) {
  const counted = {}
  for (const name of names) counted[name] = (counted[name] ?? 0) + 1
  return JSON.stringify(counted)
}

function inMib(parts) {
  return Object.entries(parts)
    .map(([name, bytes]) => `${name} ${(bytes / MIB).toFixed(1)}`)
    .join(', ')
}

function problemsOverTime([first, second, , last]) {
  const found = []
  if (last.descriptors.length > first.descriptors.length) {
    found.push(`descriptors grew from ${counts(first.descriptors)} to ${counts(last.descriptors)}`)
  }
  if (last.rss > second.rss + 32 * MIB)
    found.push(`RSS without v8Pool and dead arenas grew from ${second.rss} to ${last.rss}`)
  if (last.inUse > second.inUse + 8 * MIB)
    found.push(`what is held of malloc grew from ${second.inUse} to ${last.inUse}`)
  return found
}
