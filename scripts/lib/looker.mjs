// Looks at the process again and again, and checks every answer.

import { createRequire } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'

const { rssBreakdown, rssBreakdownAsync } = createRequire(import.meta.url)('../..')

const KINDS = [
  () => rssBreakdown(),
  () => rssBreakdown({ regions: true }),
  () => rssBreakdown({ allocator: true }),
  () => rssBreakdownAsync(),
  () => rssBreakdownAsync({ regions: true }),
]
/** A process that goes wrong goes wrong thousands of times. */
const PROBLEMS_KEPT = 20

/** One thread's looks. */
export class Looker {
  looks = 0
  problems = []

  /** Looks until the time is over; `end` is a function where it is not known yet. */
  async lookUntil(end) {
    const isOver = typeof end === 'function' ? end : () => Date.now() >= end
    while (!isOver()) {
      for (const look of KINDS) {
        const problem = problemOf(await look())
        this.looks++
        if (problem && this.problems.length < PROBLEMS_KEPT) this.problems.push(problem)
      }
      await turn()
    }
  }
}

function problemOf({ rss, parts, regions = [] }) {
  const sizes = Object.values(parts)
  const isSize = (bytes) => Number.isSafeInteger(bytes) && bytes >= 0
  if (!sizes.every(isSize)) return `a part is no size: ${JSON.stringify(parts)}`
  if (sizes.reduce((sum, bytes) => sum + bytes, 0) !== rss) return `${JSON.stringify(parts)} is not ${rss}`
  let behind = 0
  for (const { start, end, resident } of regions) {
    if (!isSize(resident)) return `${resident} resident from ${start} to ${end}`
    if (start < behind || end <= start)
      return `a region from ${start} to ${end} after one that ends at ${behind}`
    behind = end
  }
  return null
}
