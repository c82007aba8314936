// What a script tried, one by one: the count goes on after a failure, and the failures are told at the end.

import { Tally } from './steps.mjs'

export class Checks {
  #tally = new Tally()

  /** Runs one check, which throws where something is wrong. Says whether all was well. */
  check(title, run) {
    try {
      run()
      this.#tally.add({ passed: 1, failed: 0 })
      return true
    } catch (error) {
      const failure = `FAILED: ${title}\n${error.message}`
      console.log(`\n# ${failure}`)
      this.#tally.add({ passed: 0, failed: 1, failures: [failure] })
      return false
    }
  }

  skip(reason) {
    this.#tally.add({ passed: 0, failed: 0, skipped: [reason] })
  }

  /** What a function gives, such as a program from npm; where it throws, what needs that is counted as skipped. */
  need(what, get) {
    try {
      return get()
    } catch (error) {
      this.skip(`${what}: ${error.message}`)
      return null
    }
  }

  /** Prints the counts, and ends the process accordingly. */
  finish() {
    this.#tally.finish()
  }
}
