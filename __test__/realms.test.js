'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild } = require('./helpers/child')

/** Loads the package as jest and vitest do, with the globals of a vm context. Runs in a child. */
function inContext(body) {
  const load = `(() => {
    const vm = require('node:vm')
    const { readFileSync } = require('node:fs')
    const { join } = require('node:path')
    const { createRequire } = require('node:module')
    const file = join(process.cwd(), 'bundle.js')
    const context = vm.createContext({ process, Buffer, performance, setTimeout, clearTimeout, structuredClone })
    const globals = vm.runInContext('globalThis', context)
    const parameters = ['module', 'exports', 'require', '__filename', '__dirname']
    const wrapper = vm.compileFunction(readFileSync(file, 'utf8'), parameters, { parsingContext: context })
    const module = { exports: {} }
    wrapper(module, module.exports, createRequire(file), file, process.cwd())
    return { memusage: module.exports(), globals }
  })()`
  return inChild(`async () => (${body})(${load})`)
}

describe('in a vm context', () => {
  it('errors are instances of the classes of that context (review D.4)', async () => {
    const answer = await inContext(async ({ memusage, globals }) => {
      const { externalBuffers, footprint, rssBreakdown, rssBreakdownAsync, workerRss, workerRssAsync } =
        memusage
      const calls = {
        missing: () => footprint(2 ** 22),
        type: () => footprint('x'),
        range: () => footprint(0),
        budget: () => rssBreakdown({ budgetMs: 0 }),
        budgetAsync: () => rssBreakdownAsync({ budgetMs: 0 }),
        threads: () => workerRss({ budgetMs: 0 }),
        threadsAsync: () => workerRssAsync({ budgetMs: 0 }),
        state: () => externalBuffers.profile.stop(),
      }
      const answer = {}
      for (const [name, call] of Object.entries(calls)) {
        try {
          await call()
        } catch (error) {
          const classes = ['RangeError', 'TypeError', 'Error']
          const className = classes.find((known) => error instanceof globals[known]) ?? 'of another realm'
          const { code, file, syscall, errno, budgetMs, message, stack } = error
          answer[name] = { className, code, file, syscall, errno, budgetMs }
          answer[name].isSound = stack.includes(message)
        }
      }
      return answer
    })
    const pick = (names) => names.map((name) => answer[name]?.className)
    assert.deepEqual(pick(Object.keys(answer)), [
      'Error',
      'TypeError',
      'RangeError',
      ...Array(5).fill('Error'),
    ])
    assert.deepEqual(answer.missing, {
      className: 'Error',
      code: 'ERR_MEMUSAGE_PROC_READ',
      file: '/proc/4194304/smaps_rollup',
      syscall: 'open',
      errno: -2,
      isSound: true,
    })
    for (const name of ['budget', 'budgetAsync', 'threads', 'threadsAsync']) {
      assert.deepEqual([answer[name].code, answer[name].budgetMs], ['ERR_MEMUSAGE_OVER_BUDGET', 0], name)
    }
    for (const [name, { isSound }] of Object.entries(answer)) assert.ok(isSound, name)
  })

  it('answers are objects of that context', async () => {
    const answer = await inContext(({ memusage, globals }) => {
      const { memoryUsage } = memusage
      return { works: memoryUsage().rss > 1e6, isOwn: memoryUsage() instanceof globals.Object }
    })
    assert.deepEqual(answer, { works: true, isOwn: true })
  })
})
