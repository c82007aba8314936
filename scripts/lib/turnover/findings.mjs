// What scripts/soak-turnover.mjs has found so far.

const CASES_SHOWN = 3
const LINES_SHOWN = 24

export class Findings {
  looks = 0
  problems = 0
  #ways = new Map()
  #kinds = new Map()
  #lessThanVerified = new Map()
  #looksThatSaidLess = 0

  /** One look's verdict. The first cases of each kind are printed at once. */
  add({ way, reservations = [], problems, regions = [], costMicros = 0 }) {
    this.looks++
    const known = this.#ways.get(way) ?? { wrong: 0, costs: [] }
    this.#ways.set(way, known)
    known.costs.push(costMicros)
    if (problems.length > 0) known.wrong++
    if (reservations.length > 0) this.#looksThatSaidLess++
    for (const said of new Set(reservations)) {
      this.#lessThanVerified.set(said, (this.#lessThanVerified.get(said) ?? 0) + 1)
    }
    for (const { what, detail } of problems) {
      this.problems++
      const times = (this.#kinds.get(what) ?? 0) + 1
      this.#kinds.set(what, times)
      if (times > CASES_SHOWN) continue
      console.log(`VIOLATION in ${way}, look ${this.looks}: ${what}: ${detail}`)
      if (what.includes('other')) for (const line of regions.slice(0, LINES_SHOWN)) console.log(`    ${line}`)
    }
  }

  print() {
    console.log('\nlooks by way, those with a violation, and what they cost: the median and the most')
    for (const [way, { wrong, costs }] of this.#ways) {
      costs.sort((a, b) => a - b)
      const [median, most] = [costs[costs.length >> 1], costs.at(-1)].map((micros) =>
        (micros / 1000).toFixed(0),
      )
      console.log(`  ${way.padEnd(32)} ${costs.length}  ${wrong}  ${median} ms, ${most} ms`)
    }
    const share = (times) => `${times} of ${this.looks}, ${((times / this.looks) * 100).toFixed(1)} %`
    console.log(`looks whose method says less than verified: ${share(this.#looksThatSaidLess)}`)
    for (const [said, times] of this.#lessThanVerified) console.log(`  ${said.padEnd(32)} ${share(times)}`)
    console.log(this.problems === 0 ? 'no violation' : 'violations')
    for (const [what, times] of this.#kinds) console.log(`  ${what.padEnd(60)} ${times}`)
  }
}
