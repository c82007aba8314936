// Looks at the process again and again, and checks every answer.

import { createRequire } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'

const { rssBreakdown, rssBreakdownAsync, workerRss, workerRssAsync } = createRequire(import.meta.url)('../..')

/** Ways to look, and what to say of an answer. */
const SUBJECTS = {
  process: {
    kinds: [
      () => rssBreakdown(),
      () => rssBreakdown({ regions: true }),
      () => rssBreakdown({ allocator: true }),
      () => rssBreakdownAsync(),
      () => rssBreakdownAsync({ regions: true }),
    ],
    problemOf: problemOfBreakdown,
  },
  threads: {
    kinds: [
      () => workerRss(),
      () => workerRss({ waitMs: 2 }),
      () => workerRssAsync({ waitMs: 20 }),
      () => workerRss({ waitMs: 1, deep: true }),
      () => workerRssAsync(),
    ],
    problemOf: problemOfThreads,
  },
}
/** A process that goes wrong goes wrong thousands of times. */
const PROBLEMS_KEPT = 20

/** One thread's looks. */
export class Looker {
  looks = 0
  problems = []
  #kinds
  #problemOf

  /** Looks at the `process` or at its `threads`. */
  constructor(subject) {
    this.#kinds = SUBJECTS[subject].kinds
    this.#problemOf = SUBJECTS[subject].problemOf
  }

  /** Looks until the time is over; `end` is a function where it is not known yet. */
  async lookUntil(end) {
    const isOver = typeof end === 'function' ? end : () => Date.now() >= end
    while (!isOver()) {
      for (const look of this.#kinds) {
        if (isOver()) break
        const problem = this.#problemOf(await look())
        this.looks++
        if (problem && this.problems.length < PROBLEMS_KEPT) this.problems.push(problem)
      }
      await turn()
    }
  }
}

function problemOfBreakdown({ rss, parts, regions = [] }) {
  const problem = problemOfSum(parts, rss)
  if (problem) return problem
  let behind = 0
  for (const { start, end, resident } of regions) {
    if (!isSize(resident)) return `${resident} resident from ${start} to ${end}`
    if (start < behind || end <= start)
      return `a region from ${start} to ${end} after one that ends at ${behind}`
    behind = end
  }
  return null
}

function problemOfThreads({ rss, shared, sharedParts, threads }) {
  const tables = threads.map(({ v8Heap, jit, stack, nativeHeap, rss: sum }) => [
    // What cannot be told, as the heap of a thread that never loaded the package under some circumstances, is null.
    { v8Heap: v8Heap ?? 0, jit: jit ?? 0, stack, nativeHeap: nativeHeap ?? 0 },
    sum,
  ])
  tables.push(
    [sharedParts, shared],
    [Object.fromEntries([shared, ...threads.map((thread) => thread.rss)].entries()), rss],
  )
  const problem = tables.map(([parts, sum]) => problemOfSum(parts, sum)).find(Boolean)
  if (problem) return problem
  const wrong = threads.find(
    ({ ageMs, heapUsed }) => !(ageMs === null ? heapUsed === null : ageMs >= 0 && heapUsed > 0),
  )
  if (wrong) return `the words are wrong of ${JSON.stringify(wrong)}`
  if (threads.filter(({ kind }) => kind === 'main').length !== 1) return 'there is not one main thread'
  return null
}

function problemOfSum(parts, sum) {
  const sizes = Object.values(parts)
  if (!sizes.every(isSize)) return `a part is no size: ${JSON.stringify(parts)}`
  if (sizes.reduce((total, bytes) => total + bytes, 0) !== sum)
    return `${JSON.stringify(parts)} is not ${sum}`
  return null
}

function isSize(bytes) {
  return Number.isSafeInteger(bytes) && bytes >= 0
}
