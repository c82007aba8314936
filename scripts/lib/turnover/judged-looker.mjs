// Looks at the process of scripts/soak-turnover.mjs in every way there is, and judges each answer.

import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { problemsOf, reservationsOf } from './judge.mjs'
import { Ledger } from './ledger.mjs'
import { Outside } from './outside.mjs'
import { rsMemusage } from './package.mjs'

const require = createRequire(import.meta.url)
const { rssBreakdown, rssBreakdownAsync, trim, workerRss, workerRssAsync } = rsMemusage
const { randomFrom } = require('../../../__test__/helpers/random')

/** Ways to look, and how often of a hundred. `deep` reads all heaps. */
const WAYS = [
  [16, 'rssBreakdown()', () => rssBreakdown()],
  [30, 'rssBreakdown({ regions })', () => rssBreakdown({ regions: true })],
  [6, 'rssBreakdownAsync()', () => rssBreakdownAsync()],
  [6, 'rssBreakdownAsync({ regions })', () => rssBreakdownAsync({ regions: true })],
  [16, 'workerRss()', () => workerRss()],
  [8, 'workerRss({ waitMs })', () => workerRss({ waitMs: 3 })],
  [8, 'workerRssAsync({ waitMs })', () => workerRssAsync({ waitMs: 20 })],
  [7, 'workerRss({ deep })', () => workerRss({ deep: true })],
  [3, 'workerRssAsync({ deep })', () => workerRssAsync({ deep: true })],
]
const ALL_WAYS = WAYS.reduce((sum, [share]) => sum + share, 0)
/** Until a worker that rests has told of its heap twice more. */
const JUDGED_AFTER_MS = 80
/** Regions beside one that is other, which tell what it was mistaken for. */
const NEIGHBOURS = 2
const SMALLEST_SHOWN = 256 * 1024

/** What the lookers say of their own heaps, in memory that they share. */
export class Lookers {
  constructor(memory = new SharedArrayBuffer(8 * 2)) {
    this.memory = memory
    this.words = new Float64Array(memory)
  }

  sayHeap(place) {
    this.words[place] = getHeapStatistics().total_physical_size
  }

  get heaps() {
    return this.words.reduce((sum, bytes) => sum + bytes, 0)
  }

  /** Whether each of them has said anything yet. */
  get areKnown() {
    return this.words.every((bytes) => bytes > 0)
  }
}

export class JudgedLooker {
  #outside = new Outside()
  #ledger
  #lookers
  #options
  #random
  #waiting = []

  /** `options` is { place, lookers, seed, threads }: which looker this is, and the threads of the others. */
  constructor(ledger, lookers, options) {
    this.#ledger = new Ledger(ledger)
    this.#lookers = new Lookers(lookers)
    this.#options = options
    this.#random = randomFrom(options.seed)
  }

  /** Looks until the time is over, and gives what was found: { problems, ways, methods, costs }. */
  async lookUntil(isOver, tell) {
    while (!isOver()) {
      await this.#lookOnce(tell)
      this.#judge(tell, Date.now() - JUDGED_AFTER_MS)
      await sleep(this.#random(20))
    }
    await sleep(JUDGED_AFTER_MS)
    this.#judge(tell, Date.now())
    this.#outside.close()
  }

  async #lookOnce(tell) {
    const [, way, take] = this.#pick()
    const [withSmaps, trims] = [this.#random(4) === 0, this.#random(50) === 0]
    if (trims) trim()
    const first = this.#outside.begin(withSmaps)
    const heapBefore = this.#lookers.heaps
    this.#lookers.sayHeap(this.#options.place)
    const before = this.#ledger.read()
    let look
    try {
      look = await take()
    } catch (error) {
      this.#outside.end(false)
      tell({ way, problems: [{ what: `it throws ${error.code ?? error.name}`, detail: error.message }] })
      return
    }
    const after = this.#ledger.read()
    this.#lookers.sayHeap(this.#options.place)
    const last = this.#outside.end(withSmaps)
    const ownHeap = this.#lookers.heaps
    const seen = {
      look,
      before,
      after,
      kernel: { first, last },
      ownHeap: this.#lookers.areKnown ? ownHeap : null,
      heapsMoved: Math.abs(ownHeap - heapBefore),
      lookers: this.#options.threads,
      deep: way.includes('deep'),
    }
    this.#waiting.push({ at: Date.now(), way, seen })
  }

  #judge(tell, until) {
    while (this.#waiting.length > 0 && this.#waiting[0].at <= until) {
      const { way, seen } = this.#waiting.shift()
      const problems = problemsOf(seen, (worker) => this.#saidBy(worker))
      const { look } = seen
      const regions = look.regions && problems.length > 0 ? othersWithNeighbours(look.regions) : []
      tell({ way, reservations: reservationsOf(look), problems, regions, costMicros: look.costMicros })
    }
  }

  #saidBy({ index, life, turn }) {
    const slot = this.#ledger.slot(index)
    return turn === null || slot.read().life !== life ? null : slot.saidIn(turn)
  }

  #pick() {
    let left = this.#random(ALL_WAYS)
    return WAYS.find(([share]) => {
      left -= share
      return left < 0
    })
  }
}

/** Regions that are other, each with those beside it, as lines. */
function othersWithNeighbours(regions) {
  const shown = new Set()
  regions.forEach(({ part, resident }, index) => {
    if (part !== 'other' || resident < SMALLEST_SHOWN) return
    for (let place = index - NEIGHBOURS; place <= index + NEIGHBOURS; place++) shown.add(place)
  })
  return [...shown]
    .filter((place) => regions[place])
    .map((place) => {
      const { start, end, part, owner, resident, name } = regions[place]
      const kib = (bytes) => `${bytes / 1024} KiB`
      return `${start.toString(16)}-${end.toString(16)} ${part} ${owner ?? '-'} ${name ?? ''} ${kib(resident)} of ${kib(end - start)}`
    })
}
