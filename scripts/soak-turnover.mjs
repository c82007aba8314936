// Changes everything at once, and compares every look with what the workers say they hold and with what a second process
// reads of the kernel.
//
//   node scripts/soak-turnover.mjs --minutes 10 --seed 1 --workers 8 --mib 1500
//   node scripts/soak-turnover.mjs --hold buffers,foreign.five
//   node scripts/soak-turnover.mjs --package ../of-last-week
//
// Workers come and go that hold up to 200 MB of objects, buffers, native blocks, bare mappings, shared and WebAssembly
// memory, and pass buffers to each other; two of them take and drop memory without a pause. The main thread and one more
// look at the process in every way there is. `--mib` bounds what all workers hold; garbage comes on top.
// `--hold` has all of them hold kinds of one's choice (lib/turnover/holder.mjs), to find the smallest case.
// `--package` puts another version of the package to the test, so that it can be seen whether this script would have noticed.
//
// It prints every kind of violation with its first cases, and ends with status 1 when there was any:
//   - sums that are not exact; an `rss` that the kernel did not count, give or take what moved meanwhile;
//   - `other` above 2 % of RSS and 4 MiB, beyond bare mappings; code, files and shared memory that smaps counts otherwise;
//   - a heap, an arena or, with deep, buffers of a thread that are off by more than 10 % and 8 MiB, while called verified;
//   - workers that are missing or have ended; a look that throws.
//
// What it cannot see: how much a thread's arena keeps for reuse (no upper bound on `nativeHeap`), which thread has a large
// block of malloc's, and stacks.

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { MessageChannel, Worker } from 'node:worker_threads'
import { Findings } from './lib/turnover/findings.mjs'
import { JudgedLooker, Lookers } from './lib/turnover/judged-looker.mjs'
import { Ledger, PASSING } from './lib/turnover/ledger.mjs'
import { packageFolder, rsMemusage } from './lib/turnover/package.mjs'

const require = createRequire(import.meta.url)
const { memoryUsage } = rsMemusage
const { randomFrom } = require('../__test__/helpers/random')

const MIB = 1024 * 1024
const CHURNING = 2
const LARGEST_MIB = 200
const SLOTS = 64
const TERMINATED_WITHIN_MS = 10_000

/** What workers hold. Those of the first kind can be terminated at any moment: nothing of theirs outlives them. */
const REPERTOIRES = {
  javascript: [
    ['objects'],
    ['objects', 'buffers', 'buffers', 'shared', 'wasm'],
    ['buffers.alloc', 'buffers.array'],
    ['allocated', 'buffers.tracked', 'buffers'],
  ],
  native: [
    ['small', 'blocks', 'blocks'],
    ['blocks', 'foreign', 'foreign.five', 'buffers'],
    ['objects', 'buffers', 'small', 'blocks', 'foreign', 'shared', 'wasm', 'allocated'],
  ],
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '8' },
    mib: { type: 'string', default: '1500' },
    hold: { type: 'string' },
    package: { type: 'string' },
  },
})
const [minutes, seed, lanes, most] = ['minutes', 'seed', 'workers', 'mib'].map((name) => Number(values[name]))
for (const amount of [minutes, lanes, most]) {
  if (!(amount > 0)) throw new RangeError('--minutes, --workers and --mib take a number above 0')
}

const ledger = Ledger.ofSize(SLOTS)
const lookers = new Lookers()
const findings = new Findings()
/** The workers that are there, with their slots. */
const live = new Map()
const random = randomFrom(seed)
const endAt = Date.now() + minutes * 60_000
const isOver = () => Date.now() >= endAt
let come = 0

console.log(`node ${process.version}, process ${process.pid}, ${minutes} minutes, --seed ${seed}`)
const lookingWorker = await startLooking()
const looker = new JudgedLooker(ledger.memory, lookers.memory, {
  place: 0,
  seed: random(1e9),
  threads: [lookingWorker.threadId],
})
const progress = setInterval(report, 60_000)
await Promise.all([
  looker.lookUntil(isOver, (verdict) => findings.add(verdict)),
  ...Array.from({ length: lanes }, (_, lane) => comeAndGo(lane < CHURNING)),
])
clearInterval(progress)
lookingWorker.postMessage('rest')
await once(lookingWorker, 'exit')
report()
findings.print()
process.exit(findings.problems === 0 ? 0 : 1)

function report() {
  const minute = (minutes - (endAt - Date.now()) / 60_000).toFixed(1)
  console.log(
    `minute ${minute}: ${findings.looks} looks, ${come} workers came, ${live.size} are there, ` +
      `RSS ${(memoryUsage.rss() / MIB).toFixed(0)} MiB, at most ${(memoryUsage.peakRss() / MIB).toFixed(0)}, ${findings.problems} violations`,
  )
}

async function startLooking() {
  const workerData = {
    ledger: ledger.memory,
    lookers: lookers.memory,
    place: 1,
    seed: random(1e9),
    threads: [],
    package: packageFolder,
  }
  const worker = new Worker(new URL('./lib/turnover/looking-worker.mjs', import.meta.url), { workerData })
  worker.on('message', (verdict) => findings.add(verdict))
  worker.on('error', (error) =>
    findings.add({ way: 'worker', problems: [{ what: 'it failed', detail: error.stack }] }),
  )
  await once(worker, 'online')
  return worker
}

/** Starts one worker after the other. */
async function comeAndGo(churns) {
  while (!isOver()) {
    const isNative = values.hold !== undefined || random(5) < 3
    const repertoires = values.hold
      ? [values.hold.split(',')]
      : REPERTOIRES[isNative ? 'native' : 'javascript']
    const index = ledger.freeSlot()
    const slot = ledger.slot(index)
    slot.state = PASSING
    const workerData = {
      ledger: ledger.memory,
      slot: index,
      seed: random(1e9),
      changes: 10 + random(churns ? 3000 : 150),
      target: Math.min(1 + random(LARGEST_MIB), most / lanes) * MIB,
      pauseMs: churns ? 0 : 1 + random(200),
      repertoire: repertoires[random(repertoires.length)],
      package: packageFolder,
    }
    await runWorker(workerData, slot, !isNative && random(2) === 0)
    await sleep(random(100))
  }
}

/** A worker ends by itself when it has changed enough, or is terminated at some moment before. */
async function runWorker(workerData, slot, isTerminated) {
  const worker = new Worker(new URL('./lib/turnover/holder.mjs', import.meta.url), { workerData })
  slot.threadId = worker.threadId
  const gone = once(worker, 'exit')
  worker.on('error', (error) =>
    findings.add({ way: 'holder', problems: [{ what: 'a worker failed', detail: error.stack }] }),
  )
  come++
  await Promise.race([once(worker, 'message'), gone])
  connect(worker, slotOf(workerData.slot))
  live.set(worker, slotOf(workerData.slot))
  const patience = Math.min(
    endAt - Date.now(),
    isTerminated ? random(TERMINATED_WITHIN_MS) : Number.POSITIVE_INFINITY,
  )
  const waiting = new AbortController()
  const patient = sleep(Math.max(patience, 0), null, waiting).catch(() => {})
  await Promise.race([gone, patient])
  waiting.abort()
  live.delete(worker)
  if (isTerminated) {
    slot.state = PASSING
    await worker.terminate()
  } else {
    worker.postMessage({ end: true })
  }
  await gone
  slot.leave()
}

/** A slot with the number of the worker that has it now. */
function slotOf(index) {
  return { slot: index, life: ledger.slot(index).life }
}

/** The two can pass buffers to each other from now on. */
function connect(worker, slot) {
  if (live.size === 0) return
  const [other, slotOfOther] = [...live][random(live.size)]
  const { port1, port2 } = new MessageChannel()
  worker.postMessage({ port: port1, of: slotOfOther }, [port1])
  other.postMessage({ port: port2, of: slot }, [port2])
}
