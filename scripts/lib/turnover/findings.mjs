// What scripts/soak-turnover.mjs has found so far.

const CASES_SHOWN = 3
const LINES_SHOWN = 24

export class Findings {
  looks = 0
  problems = 0
  #ways = new Map()
  #kinds = new Map()
  #methods = new Map()

  /** One look's verdict. The first cases of each kind are printed at once. */
  add({ way, methods = [], problems, regions = [] }) {
    this.looks++
    const [looks, wrong] = this.#ways.get(way) ?? [0, 0]
    this.#ways.set(way, [looks + 1, wrong + (problems.length > 0 ? 1 : 0)])
    for (const method of methods) this.#count(method)
    for (const { what, detail } of problems) {
      this.problems++
      const times = (this.#kinds.get(what) ?? 0) + 1
      this.#kinds.set(what, times)
      if (times > CASES_SHOWN) continue
      console.log(`VIOLATION in ${way}, look ${this.looks}: ${what}: ${detail}`)
      if (what.includes('other')) for (const line of regions.slice(0, LINES_SHOWN)) console.log(`    ${line}`)
    }
  }

  #count(method) {
    const fields = typeof method === 'string' ? { thread: method } : method
    for (const [field, value] of Object.entries(fields)) {
      if (typeof value !== 'string') continue
      const counted = this.#methods.get(field) ?? new Map()
      counted.set(value, (counted.get(value) ?? 0) + 1)
      this.#methods.set(field, counted)
    }
  }

  print() {
    console.log('\nlooks by way, and those with a violation')
    for (const [way, [looks, wrong]] of this.#ways) console.log(`  ${way.padEnd(32)} ${looks}  ${wrong}`)
    console.log('how often each method was said')
    for (const [field, counted] of this.#methods) {
      console.log(
        `  ${field.padEnd(32)} ${[...counted].map(([value, times]) => `${value} ${times}`).join(', ')}`,
      )
    }
    console.log(this.problems === 0 ? 'no violation' : 'violations')
    for (const [what, times] of this.#kinds) console.log(`  ${what.padEnd(60)} ${times}`)
  }
}
