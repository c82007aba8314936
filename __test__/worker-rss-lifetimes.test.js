'use strict'

const assert = require('node:assert/strict')
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, before, describe, it } = require('node:test')
const { MIB, runProcess } = require('./helpers/child')
const { copyPackage } = require('./helpers/copy-package')
const { isMusl } = require('./helpers/libc')
const { assertConsistent, assertWithin5Percent, withWorkers } = require('./helpers/worker-bills')

// Every thread has an arena of its own: glibc lets them share from eight per core on.
const ARENA_EACH = { MALLOC_ARENA_MAX: '1000' }
const NODE = Number.parseInt(process.versions.node, 10)

const ofKind = ({ threads }, kind) => threads.filter((thread) => thread.kind === kind)

describe('a worker that ends while it is asked', () => {
  for (const [what, occupation] of [
    ['in a tight loop', 'forEver'],
    ['in Atomics.wait()', 'atomicsWait'],
    ['in a loop of promises', 'promises'],
    ['with nothing to do', 'eventLoop'],
  ]) {
    it(`${what}: nobody waits for the dead`, async () => {
      const answers = await withWorkers(
        async (occupation) => {
          const { workerRss, workerRssAsync } = require('./index.js')
          const asker = await ToldWorker.start()
          const answers = []
          for (let round = 0; round < 5; round++) {
            const worker = await ToldWorker.start()
            await worker.tell('become', occupation)
            const start = performance.now()
            const asked = [
              workerRssAsync({ waitMs: 60_000 }),
              asker.tell('look', { waitMs: 60_000 }),
              worker.end(),
              workerRss({ waitMs: 60_000 }),
            ]
            const [one, two, , three] = await Promise.all(asked)
            answers.push({ looks: [one, two, three], took: performance.now() - start })
          }
          return answers
        },
        { args: [occupation] },
      )
      for (const { looks, took } of answers) {
        for (const look of looks) assertConsistent(look)
        assert.ok(took < 60_000, String(took)) // the three would have waited for a minute
      }
    })
  }

  it('in a synchronous call: is waited for until it ends, and no longer', async () => {
    const { answer, took, left } = await withWorkers(async () => {
      const fs = require('node:fs')
      const { workerRss, workerRssAsync } = require('./index.js')
      const folder = fs.mkdtempSync(require('node:path').join(require('node:os').tmpdir(), 'rs-memusage-'))
      const worker = await ToldWorker.start()
      await worker.tell('become', 'execSync', folder)
      const start = performance.now()
      const asked = workerRssAsync({ waitMs: 60_000 })
      const ended = worker.end()
      setTimeout(() => fs.rmdirSync(folder), 300)
      const answer = await asked
      const took = performance.now() - start
      await ended
      return { answer, took, left: workerRss() }
    })
    assertConsistent(answer)
    assert.ok(took < 60_000, String(took))
    assert.deepEqual(ofKind(left, 'worker'), [])
  })
})

describe('threads that wait for each other', () => {
  it('answer each other while they wait', async () => {
    const { took, ages } = await withWorkers(async () => {
      const { workerRss } = require('./index.js')
      const askers = [await ToldWorker.start(), await ToldWorker.start()]
      const start = performance.now()
      const ages = []
      for (let round = 0; round < 50; round++) {
        const theirs = askers.map((asker) => asker.tell('look', { waitMs: 60_000 }))
        const looks = [workerRss({ waitMs: 60_000 }), ...(await Promise.all(theirs))]
        for (const { threads } of looks) ages.push(...threads.map(({ ageMs }) => ageMs ?? 0))
      }
      return { took: performance.now() - start, ages }
    })
    assert.ok(took < 60_000, String(took)) // a single one that is not answered waits for a minute
    assert.deepEqual([...new Set(ages)], [0])
  })
})

describe('what workers leave behind', () => {
  it('is shown as dead arenas and as pages that V8 keeps', async () => {
    const { alive, ended } = await withWorkers(
      async (MIB) => {
        const { workerRss } = require('./index.js')
        const workers = []
        for (let index = 0; index < 6; index++) workers.push(await ToldWorker.start())
        for (const worker of workers) {
          await worker.tell('hold', 'native', 16 * MIB) // leaked: it stays in its arena
          await worker.tell('hold', 'objects', 16 * MIB)
        }
        const alive = workerRss()
        for (const worker of workers) await worker.end()
        return { alive, ended: workerRss() }
      },
      { args: [MIB], env: ARENA_EACH },
    )
    for (const answer of [alive, ended]) assertConsistent(answer)
    assert.equal(ofKind(alive, 'worker').length, 6)
    assert.deepEqual(ofKind(ended, 'worker'), [])
    // Threads of V8's platform come without an arena and may take over one of the dead.
    const grown = ended.sharedParts.deadArenas - alive.sharedParts.deadArenas
    assert.ok(isMusl || grown > 4 * 16 * MIB, JSON.stringify(ended.sharedParts))
    // V8 keeps some pages from Node 24 on, and gives all back before: no more than there were.
    const heaps = ofKind(alive, 'worker').reduce((sum, { v8Heap }) => sum + v8Heap, 0)
    assert.ok(ended.sharedParts.v8Pool <= heaps * 1.1 + 8 * MIB, JSON.stringify(ended.sharedParts))
    assert.ok(ended.sharedParts.other <= ended.rss * 0.01, JSON.stringify(ended.sharedParts))
  })

  it('is no record, no descriptor and no thread: 500 come and go while four threads look', async () => {
    const { left, descriptors, looks } = await withWorkers(async () => {
      const { readdirSync } = require('node:fs')
      const { setTimeout: pause } = require('node:timers/promises')
      const { Worker } = require('node:worker_threads')
      const { workerRss } = require('./index.js')
      const count = () => readdirSync('/proc/self/fd').length
      const lookers = [await ToldWorker.start(), await ToldWorker.start(), await ToldWorker.start()]
      const script = `
        require(require('node:worker_threads').workerData)
        setTimeout(() => {}, Math.random() * 20)`
      const comeAndGo = () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(script, { eval: true, workerData: require.resolve('./index.js') })
          worker.on('error', reject).on('exit', resolve)
          // At any time: while it starts, loads the package, answers, idles or ends.
          if (Math.random() < 0.7) setTimeout(() => worker.terminate(), Math.random() * 60)
        })
      const churn = async (workers) => {
        let started = 0
        const lane = async () => {
          while (started++ < workers) await comeAndGo()
        }
        await Promise.all(Array.from({ length: 8 }, lane))
      }
      await churn(50)
      const before = count()
      let looks = 0
      let goesOn = true
      const keepLooking = async (look) => {
        while (goesOn) {
          await look({ waitMs: looks++ % 4, deep: looks % 50 === 0 })
          await pause(2)
        }
      }
      const looking = [workerRss, ...lookers.map((looker) => (options) => looker.tell('look', options))]
      const done = Promise.all(looking.map(keepLooking))
      await churn(450)
      goesOn = false
      await done
      for (const looker of lookers) await looker.end()
      const atLast = workerRss({ waitMs: 1000 })
      return { left: atLast, descriptors: [before, count()], looks }
    })
    assertConsistent(left)
    assert.ok(looks > 50, String(looks))
    assert.deepEqual(ofKind(left, 'worker'), [])
    // The three that looked had descriptors of their event loops.
    assert.ok(descriptors[1] <= descriptors[0], descriptors.join())
  })
})

describe('the package, loaded in several ways', () => {
  let folder
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rs-memusage-register-'))
    copyPackage(join(folder, 'node_modules', 'rs-memusage'))
  })
  after(() => rmSync(folder, { recursive: true }))

  it('twice, from two places: each knows its own threads and measures all', async () => {
    const answers = await withWorkers(
      async (copy, MIB) => {
        const packages = [require('./index.js'), require(copy)]
        const workers = [await ToldWorker.start(), await ToldWorker.start({ load: copy })]
        await workers[0].tell('hold', 'smallBuffers', 32 * MIB)
        await workers[1].tell('hold', 'smallBuffers', 64 * MIB)
        return packages.map(({ workerRss }) => {
          workerRss({ waitMs: 5000 })
          const answer = workerRss({ waitMs: 5000 })
          return { answer, entries: workers.map((worker) => worker.entryOf(answer)) }
        })
      },
      { args: [join(folder, 'node_modules', 'rs-memusage'), MIB], env: ARENA_EACH },
    )
    answers.forEach(({ answer, entries }, index) => {
      assertConsistent(answer)
      assert.equal(ofKind(answer, 'worker').length, 2)
      const states = entries.map(({ state }) => state === 'unregistered')
      assert.deepEqual(states, index === 0 ? [false, true] : [true, false])
    })
    for (const index of [0, 1]) {
      const [one, two] = answers.map(({ entries }) => entries[index].rss)
      // Code is known of those alone that registered, and the workers go on living between the two answers.
      assert.ok(Math.abs(one - two) < 8 * MIB, `${one}, ${two}`)
    }
  })

  it('again after its require cache was deleted: each thread is there once, until it ends', async () => {
    const { twice, ended } = await withWorkers(async () => {
      require('./index.js').workerRss()
      for (const key of Object.keys(require.cache)) delete require.cache[key]
      const { workerRss } = require('./index.js')
      const worker = await ToldWorker.start()
      const self = await worker.tell('reload')
      const twice = { answer: workerRss({ waitMs: 5000 }), self, id: worker.threadId }
      await worker.end()
      return { twice, ended: workerRss() }
    })
    assertConsistent(twice.answer)
    const [worker, ...others] = ofKind(twice.answer, 'worker')
    assert.deepEqual([worker.threadId, worker.ageMs, others], [twice.id, 0, []])
    assert.equal(twice.self.threadId, twice.id)
    assertConsistent(ended)
    assert.deepEqual(ofKind(ended, 'worker'), [])
  })

  it('again while the addon stays, as in test runners: it is waited for like any other', async () => {
    const entry = await withWorkers(async () => {
      const { mkdtempSync, rmdirSync } = require('node:fs')
      const { join } = require('node:path')
      const { workerRssAsync } = require('./index.js')
      const worker = await ToldWorker.start()
      await worker.tell('reloadScripts')
      const folder = mkdtempSync(join(require('node:os').tmpdir(), 'rs-memusage-block-'))
      await worker.tell('become', 'execSync', folder)
      await new Promise((resolve) => setTimeout(resolve, 100)) // it is blocked, and answers when it is not
      const answer = workerRssAsync({ waitMs: 10_000 })
      setTimeout(() => rmdirSync(folder), 200)
      return worker.entryOf(await answer)
    })
    assert.equal(entry.ageMs, 0)
  })

  for (const flag of ['--require', '--import']) {
    it(`by ${flag} rs-memusage/register: all workers take part, those of workers too`, async () => {
      writeFileSync(
        join(folder, 'main.js'),
        `
        const { Worker, isMainThread, parentPort, threadId, workerData } = require('node:worker_threads')
        const start = (depth) => new Promise((resolve, reject) => {
          new Worker(__filename, { workerData: depth }).on('message', resolve).on('error', reject)
        })
        const ready = isMainThread ? Promise.all([start(0), start(1)]) : workerData > 0 ? start(0) : null
        Promise.resolve(ready).then(() => {
          if (!isMainThread) return parentPort.postMessage('ready') // and stays: 'message' is listened to
          const { threads } = require('rs-memusage').workerRss({ waitMs: 5000 })
          console.log(JSON.stringify(threads.filter(({ kind }) => kind !== 'runtime')))
          process.exit()
        })
        if (!isMainThread) parentPort.on('message', () => {})`,
      )
      const { code, stdout, stderr } = await runProcess(
        process.execPath,
        [flag, 'rs-memusage/register', 'main.js'],
        { cwd: folder },
      )
      assert.equal(code, 0, stderr)
      const threads = JSON.parse(stdout)
      assert.deepEqual(threads.map(({ threadId }) => threadId).sort(), [0, 1, 2, 3])
      for (const thread of threads) {
        assert.notEqual(thread.state, 'unregistered')
        assert.ok(thread.v8Heap > MIB && thread.heapUsed > MIB && thread.ageMs === 0, JSON.stringify(thread))
      }
    })
  }

  it('not at all in workers: they are listed as unregistered, with what the system and Node can tell', async () => {
    const { first, said, names } = await withWorkers(
      async (MIB) => {
        const { workerRss, workerRssAsync } = require('./index.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        const loads = ['objects', 'smallBuffers', 'native']
        const workers = []
        for (const name of loads) workers.push(await ToldWorker.start({ load: null, name }))
        const look = async (ask) => {
          const answer = await ask()
          return { answer, entries: workers.map((worker) => worker.entryOf(answer)) }
        }
        const idle = await look(workerRss)
        const held = []
        const kernel = []
        for (const [index, worker] of workers.entries()) {
          const before = smapsRollup('Rss')
          await worker.tell('hold', loads[index], 64 * MIB)
          await worker.tell('collectGarbage')
          held.push((await worker.tell('statistics')).used_heap_size)
          kernel.push(smapsRollup('Rss') - before)
        }
        const first = await look(workerRss)
        const grown = first.entries.map(({ rss }, index) => rss - idle.entries[index].rss)
        const said = await look(() => workerRssAsync({ waitMs: 5000 }))
        return {
          first: { ...first, grown, kernel },
          said: { ...said, held },
          names: workers.map((worker) => worker.threadName),
        }
      },
      { args: [MIB], env: ARENA_EACH },
    )
    for (const { answer } of [first, said]) assertConsistent(answer)
    for (const entry of [...first.entries, ...said.entries]) {
      assert.deepEqual(
        [entry.kind, entry.state, entry.jit, entry.arrayBuffers],
        ['worker', 'unregistered', null, null],
      )
    }
    // Objects take more than that of the heap, and all of it is the worker's but for what the first load of a process
    // costs it: code that is read, and arenas of the threads that help V8.
    const [objects] = first.kernel
    assert.ok(
      first.grown[0] > 60 * MIB && first.grown[0] < objects + 4 * MIB,
      `${first.grown[0]} of ${objects}`,
    )
    // With musl nothing tells whose memory of malloc is.
    for (const grown of isMusl ? [] : first.grown.slice(1))
      assertWithin5Percent(grown, 64 * MIB, 'unregistered')
    for (const [index, entry] of said.entries.entries()) {
      if (names[index] !== null) assert.equal(entry.name, names[index])
      if (NODE < 22) {
        assert.deepEqual([entry.heapUsed, entry.ageMs], [null, null])
        continue
      }
      // It posted messages meanwhile.
      assert.ok(Math.abs(entry.heapUsed - said.held[index]) < 2 * MIB, JSON.stringify(entry))
      assert.ok(entry.ageMs >= 0 && entry.ageMs < 10_000, String(entry.ageMs))
    }
  })
})
