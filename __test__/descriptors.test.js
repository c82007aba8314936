'use strict'

const assert = require('node:assert/strict')
const { mkdtempSync, readFileSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { describe, it } = require('node:test')
require('..')
const { inChild, MIB } = require('./helpers/child')
const { descriptors } = require('./helpers/kernel')
const { needsOwnMounts, withProcIn } = require('./helpers/own-mounts')

const OURS = /^\/proc\/\d+\/(statm|pagemap|timerslack_ns)$/
const O_CLOEXEC = 0o2000000

/** Fills the descriptor table, then asks both. Runs in a child. */
function withFullTable() {
  const fs = require('node:fs')
  const { memoryUsage } = require('./index.js')
  memoryUsage()
  const filler = []
  try {
    for (;;) filler.push(fs.openSync('/dev/null'))
  } catch (error) {
    if (error.code !== 'EMFILE') throw error
  }
  const answer = { method: memoryUsage.method }
  try {
    process.memoryUsage()
  } catch (error) {
    answer.core = error.code
  }
  answer.ours = memoryUsage()
  answer.rss = memoryUsage.rss()
  answer.peak = memoryUsage.peakRss()
  answer.reset = memoryUsage.resetPeakRss()
  answer.again = memoryUsage()
  for (const descriptor of filler) fs.closeSync(descriptor)
  answer.core2 = process.memoryUsage()
  return answer
}

function assertAnswersWithFullTable(answer) {
  assert.equal(answer.core, 'EMFILE', "Node's own call must fail, or this shows nothing")
  for (const { rss } of [answer.ours, answer.again]) assert.ok(Math.abs(rss - answer.core2.rss) < 8 * MIB)
  // A collection between the two calls takes some of both away; memory-usage.test.js compares one moment.
  assert.ok(Math.abs(answer.ours.heapTotal - answer.core2.heapTotal) <= 4 * MIB)
  assert.ok(Math.abs(answer.ours.arrayBuffers - answer.core2.arrayBuffers) <= MIB)
  assert.ok(answer.rss > 0 && answer.peak >= answer.rss - MIB)
  assert.equal(answer.reset, true)
}

describe('descriptors', () => {
  it('are few, opened at load, and closed on exec', () => {
    const kept = descriptors().filter(([, target]) => OURS.test(target))
    // `timerslack_ns` is nothing but a place in the table.
    assert.deepEqual(kept.map(([, target]) => target.replace(/^.*\//, '')).sort(), [
      'pagemap',
      'statm',
      'timerslack_ns',
    ])
    for (const [number] of kept) {
      const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${number}`, 'latin1'))[1]
      assert.notEqual(Number.parseInt(flags, 8) & O_CLOEXEC, 0)
    }
  })

  it('answer when the table is full and Node throws EMFILE', async () => {
    const answer = await inChild(withFullTable, { shell: 'ulimit -n 64' })
    assert.equal(answer.method.v8, 'verified')
    assertAnswersWithFullTable(answer)
  })

  it('answer when the table is full, also without V8 symbols', async () => {
    const answer = await inChild(withFullTable, { shell: 'ulimit -n 64', env: { RS_MEMUSAGE_NO_V8: '1' } })
    assert.equal(answer.method.v8, 'none')
    assertAnswersWithFullTable(answer)
  })

  it('work in a worker that starts when the table is full', async () => {
    const answer = await inChild(
      () => {
        const fs = require('node:fs')
        const { Worker } = require('node:worker_threads')
        require('./index.js')
        const script = `
          const { workerData, parentPort } = require('node:worker_threads')
          parentPort.once('message', () => {
            const { memoryUsage } = require(workerData)
            parentPort.postMessage({ usage: memoryUsage(), method: memoryUsage.method })
          })
          parentPort.postMessage('ready')`
        const worker = new Worker(script, { eval: true, workerData: require.resolve('./index.js') })
        return new Promise((resolve, reject) => {
          worker.on('error', reject).on('message', (message) => {
            if (message !== 'ready') return resolve(message)
            // Reading a source file takes a descriptor, and two are free for it: our own call needs none.
            const filler = []
            try {
              for (;;) filler.push(fs.openSync('/dev/null'))
            } catch {
              fs.closeSync(filler.pop())
              fs.closeSync(filler.pop())
            }
            worker.postMessage('go')
          })
        })
      },
      { shell: 'ulimit -n 64' },
    )
    assert.ok(answer.usage.rss > 0)
    assert.equal(answer.method.v8, 'verified')
  })

  it('are opened anew after somebody closed them', async () => {
    const answer = await inChild(() => {
      const fs = require('node:fs')
      const { memoryUsage } = require('./index.js')
      const ours = fs.readdirSync('/proc/self/fd').filter((number) => {
        try {
          return /\/(statm|pagemap)$/.test(fs.readlinkSync(`/proc/self/fd/${number}`))
        } catch {
          return false
        }
      })
      for (const number of ours) fs.closeSync(Number(number))
      return {
        closed: ours.length,
        rss: memoryUsage.rss(),
        peak: memoryUsage.peakRss(),
        core: process.memoryUsage.rss(),
      }
    })
    assert.equal(answer.closed, 2)
    assert.ok(Math.abs(answer.rss - answer.core) < 4 * MIB)
    assert.ok(answer.peak >= answer.rss - MIB)
  })

  it('are opened anew when their numbers went to other files, which stay as they are', async () => {
    const answer = await inChild(() => {
      const fs = require('node:fs')
      const path = require('node:path')
      const { memoryUsage } = require('./index.js')
      const folder = fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'rs-memusage-'))
      const numbers = fs.readdirSync('/proc/self/fd').map(Number)
      const ours = numbers.filter((number) => {
        try {
          return /\/(statm|pagemap|timerslack_ns)$/.test(fs.readlinkSync(`/proc/self/fd/${number}`))
        } catch {
          return false
        }
      })
      for (const number of ours) fs.closeSync(number)
      const files = ours.map((_, index) => path.join(folder, `file-${index}`))
      const reused = files.map((file) => fs.openSync(file, 'w+'))
      for (const descriptor of reused) fs.writeSync(descriptor, 'text of somebody else')
      const rss = memoryUsage.rss()
      const peak = memoryUsage.peakRss()
      const reset = memoryUsage.resetPeakRss()
      const texts = reused.map((descriptor, index) => {
        fs.writeSync(descriptor, '!') // still open, still theirs
        return fs.readFileSync(files[index], 'utf8')
      })
      fs.rmSync(folder, { recursive: true })
      return {
        same: reused.every((descriptor) => ours.includes(descriptor)),
        rss,
        peak,
        reset,
        texts,
        core: process.memoryUsage.rss(),
      }
    })
    assert.equal(answer.same, true, 'the numbers must have been reused, or this shows nothing')
    assert.ok(Math.abs(answer.rss - answer.core) < 4 * MIB)
    assert.ok(answer.peak >= answer.rss - MIB)
    assert.equal(answer.reset, true)
    assert.deepEqual(new Set(answer.texts), new Set(['text of somebody else!']))
  })

  it('are given up when their numbers went to files without an end (review B.2)', async () => {
    const answer = await inChild(() => {
      const fs = require('node:fs')
      const { memoryUsage, rssBreakdown } = require('./index.js')
      const { descriptors } = require('./__test__/helpers/kernel.js')
      const looks = []
      const kept = []
      for (const file of ['/dev/zero', `/proc/${process.ppid}/maps`, '/etc/passwd', '/dev/zero']) {
        rssBreakdown()
        const ours = descriptors().filter(([, target]) => /\/(statm|pagemap|timerslack_ns)$/.test(target))
        for (const [number] of ours) fs.closeSync(number)
        const theirs = ours.map(() => fs.openSync(file))
        kept.push(...theirs)
        const { rss } = rssBreakdown({ regions: true })
        const again = rssBreakdown()
        const small = memoryUsage.rss()
        const open = descriptors().length
        looks.push({
          reused: theirs.every((number) => ours.some(([our]) => our === number)) && ours.length >= 2,
          differs: Math.max(Math.abs(rss - again.rss), Math.abs(rss - small)),
          leaked: open - kept.length,
        })
      }
      for (const number of kept) fs.closeSync(number) // EBADF if we closed one
      return looks
    })
    assert.equal(answer.length, 4)
    for (const { reused, differs } of answer) {
      assert.equal(reused, true, 'the numbers must have been reused, or this shows nothing')
      assert.ok(differs < 16 * MIB, `${differs}`)
    }
    assert.ok(answer[3].leaked <= answer[0].leaked, 'no descriptor is left open by a failure')
  })

  it('are left alone in a child that gets their numbers as its own (review B.2)', async () => {
    const answer = await inChild(() => {
      const { spawnSync } = require('node:child_process')
      const fs = require('node:fs')
      const { memoryUsage } = require('./index.js')
      const { descriptors } = require('./__test__/helpers/kernel.js')
      memoryUsage()
      for (const [number, target] of descriptors()) {
        if (/\/(statm|pagemap|timerslack_ns)$/.test(target)) fs.closeSync(number)
      }
      // The pipes to the child take the numbers that were just set free.
      const { error, stdout, status } = spawnSync('cat', { input: 'through stdin', encoding: 'utf8' })
      return { error: error?.code, stdout, status }
    })
    assert.deepEqual(answer, { stdout: 'through stdin', status: 0 })
  })

  const skip = process.getuid() === 0 ? false : 'groups take root'
  it('do not grow in number by calls that fail (review B.3)', { skip }, async () => {
    const answer = await inChild(() => {
      const { descriptors } = require('./__test__/helpers/kernel.js')
      const { memoryUsage, rssBreakdown } = require('./index.js')
      rssBreakdown()
      process.setgroups(Array.from({ length: 1000 }, (_, index) => 3_000_000_000 + index))
      const before = descriptors().length
      const looks = Array.from({ length: 20 }, () => rssBreakdown())
      return { looks: looks.length, peak: memoryUsage.peakRss(), grown: descriptors().length - before }
    })
    assert.ok(answer.peak > 0)
    assert.equal(answer.grown, 0)
  })

  it('say which file and why when /proc cannot be read', needsOwnMounts(), async (t) => {
    const empty = mkdtempSync(join(tmpdir(), 'rs-memusage-proc-'))
    t.after(() => rmSync(empty, { recursive: true }))
    const answer = await inChild(
      () => {
        const { memoryUsage } = require('./index.js')
        try {
          memoryUsage.rss()
        } catch ({ name, code, file, syscall, errno, message }) {
          return { name, code, file, syscall, errno: require('node:util').getSystemErrorName(errno), message }
        }
      },
      { shell: withProcIn(empty) },
    )
    assert.deepEqual(answer, {
      name: 'Error',
      code: 'ERR_MEMUSAGE_PROC_READ',
      file: '/proc/self/statm',
      syscall: 'open',
      errno: 'ENOENT',
      message: 'cannot open /proc/self/statm: No such file or directory (os error 2)',
    })
  })
})
