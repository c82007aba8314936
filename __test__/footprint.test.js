'use strict'

const assert = require('node:assert/strict')
const { fork, spawn } = require('node:child_process')
const { once } = require('node:events')
const {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, afterEach, before, describe, it } = require('node:test')
const { getSystemErrorName, isDeepStrictEqual } = require('node:util')
const { Worker } = require('node:worker_threads')
const { footprint, memoryUsage } = require('..')
const { inChild, MIB, root } = require('./helpers/child')
const { descriptors, smapsRollup } = require('./helpers/kernel')
const { needsOwnMounts, withProcIn } = require('./helpers/own-mounts')

const FIXTURES = join(root, 'tests', 'fixtures')

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)
const started = []

/** A node process that runs `body`, says so, and stays. */
async function startChild(body = '') {
  const child = spawn(process.execPath, ['-e', `${body}; console.log('up'); setInterval(() => {}, 1e6)`])
  started.push(child)
  await once(child.stdout, 'data')
  return child
}

/** Stops a process, so that two looks at it see the same; it has to be resumed or killed. */
async function stop(child) {
  child.kill('SIGSTOP')
  const state = () => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))[1]
  while (state() !== 'T') await new Promise((resolve) => setTimeout(resolve, 10))
}

function errorOf(call) {
  try {
    call()
  } catch ({ name, code, message, file, syscall, errno }) {
    return { name, code, message, file, syscall, errno: errno && getSystemErrorName(errno) }
  }
  return assert.fail('nothing was thrown')
}

/** The figures as the kernel's text has them. */
function kernelFootprint(pid) {
  const field = (name) => smapsRollup(name, pid)
  return {
    uss: field('Private_Clean') + field('Private_Dirty') + field('Private_Hugetlb'),
    pss: field('Pss'),
    swap: field('Swap'),
  }
}

afterEach(async () => {
  // Waited for: when a process of the same binary ends, pages that it shared become private ones of this process.
  await Promise.all(started.splice(0).map((child) => child.kill('SIGKILL') && once(child, 'exit')))
})

describe('footprint()', () => {
  it('tells of this process what the kernel tells', () => {
    const first = kernelFootprint()
    const ours = footprint()
    const second = kernelFootprint()
    assert.deepEqual(Object.keys(ours), ['uss', 'pss', 'swap'])
    for (const figure of ['uss', 'pss', 'swap']) {
      assert.ok(Number.isSafeInteger(ours[figure]), figure)
      const [low, high] = [first[figure], second[figure]].sort((a, b) => a - b)
      // Other threads of this process, and other processes of the same binary, come and go meanwhile.
      assert.ok(ours[figure] > low - 4 * MIB && ours[figure] < high + 4 * MIB, `${figure} ${ours[figure]}`)
    }
  })

  it('finds private memory below the share, and the share below the resident set', () => {
    const { uss, pss } = footprint()
    assert.ok(uss > 0 && uss <= pss, `${uss} and ${pss}`)
    assert.ok(pss <= memoryUsage.rss() + MIB)
  })

  it('counts a touched buffer as private', async () => {
    const [before, after] = await inChild(() => {
      const { footprint } = require('./index.js')
      const before = footprint()
      globalThis.kept = Buffer.alloc(64 * 1024 * 1024, 1)
      return [before, footprint()]
    })
    assert.ok(Math.abs(after.uss - before.uss - 64 * MIB) < 8 * MIB, `${before.uss}, ${after.uss}`)
    assert.ok(after.pss - before.pss > 48 * MIB, `${before.pss}, ${after.pss}`)
  })

  it('answers the same in a worker: memory is the process’s', async () => {
    const script = `
      const { workerData, parentPort } = require('node:worker_threads')
      parentPort.postMessage(require(workerData).footprint())`
    const worker = new Worker(script, { eval: true, workerData: require.resolve('..') })
    const [inWorker] = await once(worker, 'message')
    assert.ok(Math.abs(inWorker.uss - footprint().uss) < 32 * MIB)
    await worker.terminate()
  })

  it('leaves no descriptor behind, whether it succeeds or not', () => {
    const before = descriptors().length
    for (let i = 0; i < 50; i++) {
      footprint()
      errorOf(() => footprint(4194304))
    }
    assert.equal(descriptors().length, before)
  })

  it('answers when the descriptor table is full, again and again', async () => {
    const answer = await inChild(
      () => {
        const fs = require('node:fs')
        const { footprint, memoryUsage } = require('./index.js')
        const filler = []
        try {
          for (;;) filler.push(fs.openSync('/dev/null'))
        } catch (error) {
          if (error.code !== 'EMFILE') throw error
        }
        const answers = [footprint(), footprint(process.ppid), footprint(process.pid)]
        let core
        try {
          fs.readFileSync('/proc/self/smaps_rollup')
        } catch (error) {
          core = error.code
        }
        const rss = memoryUsage.rss()
        for (const descriptor of filler) fs.closeSync(descriptor)
        return { answers, core, rss }
      },
      { shell: 'ulimit -n 64' },
    )
    assert.equal(answer.core, 'EMFILE', "Node's own call must fail, or this shows nothing")
    for (const { uss, pss } of answer.answers) assert.ok(uss > 0 && uss <= pss)
    assert.ok(answer.answers[2].pss <= answer.rss + MIB)
  })
})

describe('footprint(pid)', () => {
  it('tells of another process exactly what the kernel tells', async () => {
    const child = await startChild('globalThis.kept = Buffer.alloc(64 * 1024 * 1024, 1)')
    await stop(child)
    const look = () => [kernelFootprint(child.pid), footprint(child.pid), kernelFootprint(child.pid)]
    let [first, ours, second] = look()
    // Another process of the same binary started or ended between the looks, and took or gave its share.
    while (!isDeepStrictEqual(first, second)) [first, ours, second] = look()
    assert.deepEqual(ours, first)
    assert.ok(ours.uss > 64 * MIB && ours.pss < smapsRollup('Rss', child.pid))
  })

  it('takes the own pid', () => {
    assert.ok(Math.abs(footprint(process.pid).uss - footprint().uss) < 4 * MIB)
  })

  it('sums to what a tree of processes occupies, where resident sets count shared pages many times', async () => {
    const script = join(mkdtempSync(join(tmpdir(), 'rs-memusage-')), 'member.js')
    writeFileSync(script, "process.send('up'); setInterval(() => {}, 1e6)")
    const children = [1, 2, 3].map(() => fork(script))
    started.push(...children)
    await Promise.all(children.map((child) => once(child, 'message')))
    rmSync(join(script, '..'), { recursive: true })
    const pids = [process.pid, ...children.map(({ pid }) => pid)]
    const resident = pids.map((pid) => smapsRollup('Rss', pid))
    const prints = pids.map((pid) => footprint(pid))
    const [rss, uss, pss] = [resident, prints.map(({ uss }) => uss), prints.map(({ pss }) => pss)].map(sum)
    // Four processes share the pages of one node binary, tens of MB, three of which a sum of RSS has too many.
    assert.ok(uss < pss && pss < rss - 40 * MIB, `${uss}, ${pss}, ${rss}`)
  })
})

describe('footprint() refuses', () => {
  it('a pid that is no number', () => {
    for (const pid of ['7', null, true, {}, [1], 7n, () => 7, Symbol('7')]) {
      assert.throws(() => footprint(pid), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    }
    const { message } = errorOf(() => footprint('7'))
    assert.equal(message, `The "pid" argument must be of type number. Received type string ('7')`)
  })

  it('a number that is no pid', () => {
    for (const pid of [0, -1, 1.5, NaN, Infinity, 2 ** 22 + 1, 2 ** 32 + process.pid]) {
      assert.throws(() => footprint(pid), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }, String(pid))
    }
    const { message } = errorOf(() => footprint(0))
    assert.equal(message, 'The value of "pid" is out of range. It must be >= 1 && <= 4194304. Received 0')
  })
})

describe('footprint() says which file, which call and why', () => {
  it('when there is no such process', () => {
    // One more than the kernel ever gives out.
    assert.deepEqual(
      errorOf(() => footprint(4194304)),
      {
        name: 'Error',
        code: 'ERR_MEMUSAGE_PROC_READ',
        message: 'cannot open /proc/4194304/smaps_rollup: No such file or directory (os error 2)',
        file: '/proc/4194304/smaps_rollup',
        syscall: 'open',
        errno: 'ENOENT',
      },
    )
  })

  it('when the process has ended and nobody has reaped it', async () => {
    const shell = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'])
    started.push(shell)
    const [output] = await once(shell.stdout, 'data')
    const zombie = Number(output)
    const state = () => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${zombie}/status`, 'latin1'))[1]
    while (state() !== 'Z') await new Promise((resolve) => setTimeout(resolve, 10))
    const { code, file, errno } = errorOf(() => footprint(zombie))
    assert.deepEqual(
      { code, file, errno },
      { code: 'ERR_MEMUSAGE_PROC_READ', file: `/proc/${zombie}/smaps_rollup`, errno: 'ESRCH' },
    )
  })

  const stranger = somebodyElse()
  const skip = stranger === null ? 'there is no process of another user' : false
  it('when the process is somebody else’s, while the own one stays readable', { skip }, async () => {
    const answer = await inChild(
      (stranger) => {
        const { footprint } = require('./index.js')
        if (process.getuid() === 0) process.setuid(65534)
        try {
          footprint(stranger)
          return 'nothing was thrown'
        } catch ({ code, syscall, errno }) {
          return {
            code,
            syscall,
            errno: require('node:util').getSystemErrorName(errno),
            own: footprint().uss,
          }
        }
      },
      { args: [stranger] },
    )
    assert.ok(answer.own > 0)
    delete answer.own
    assert.deepEqual(answer, { code: 'ERR_MEMUSAGE_PROC_READ', syscall: 'open', errno: 'EACCES' })
  })
})

/** A process that this user may not look into, or null. Root leaves its own to look at them from outside. */
function somebodyElse() {
  if (process.getuid() === 0) return process.pid
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const isStrange = (pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid !== process.getuid()
  return Number(all.find(isStrange) ?? Number.NaN) || null
}

describe('footprint() on another kernel', () => {
  const mounts = needsOwnMounts()
  let folder

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rs-memusage-proc-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  /** Calls it in a child whose /proc holds nothing but the given files of the process. */
  function withProc(files) {
    const proc = mkdtempSync(join(folder, 'proc-'))
    mkdirSync(join(proc, 'self'))
    for (const [name, fixture] of Object.entries(files)) {
      const file = join(proc, 'self', name)
      if (fixture === null) mkdirSync(file)
      else copyFileSync(join(FIXTURES, fixture), file)
    }
    const body = () => {
      const { footprint } = require('./index.js')
      try {
        return footprint()
      } catch ({ code, message, file, syscall, field }) {
        return { code, message, file, syscall, field }
      }
    }
    return inChild(body, { shell: withProcIn(proc) })
  }

  it('takes a rollup as Linux 4.14 prints it, private huge pages included', mounts, async () => {
    const answer = await withProc({ smaps_rollup: 'smaps_rollup-4.14-handmade.txt' })
    assert.deepEqual(answer, { uss: (1000 + 2000 + 6144) * 1024, pss: 3100 * 1024, swap: 64 * 1024 })
  })

  it('sums all mappings where there is no rollup', mounts, async () => {
    const answer = await withProc({ smaps: 'smaps-3.10-handmade.txt' })
    assert.deepEqual(answer, { uss: 120 * 1024, pss: 142 * 1024, swap: 28 * 1024 })
  })

  it('names the field when the text is something else', mounts, async () => {
    const file = '/proc/self/smaps_rollup'
    assert.deepEqual(await withProc({ smaps_rollup: 'status-6.18-bash.txt' }), {
      code: 'ERR_MEMUSAGE_PROC_PARSE',
      message: `cannot parse ${file}: no valid "Rss"`,
      file,
      field: 'Rss',
    })
  })

  it('tells a failed read from a failed open', mounts, async () => {
    const file = '/proc/self/smaps_rollup'
    assert.deepEqual(await withProc({ smaps_rollup: null }), {
      code: 'ERR_MEMUSAGE_PROC_READ',
      message: `cannot read ${file}: Is a directory (os error 21)`,
      file,
      syscall: 'read',
    })
  })

  it('says so when there is neither file', mounts, async () => {
    const { code, syscall } = await withProc({})
    assert.deepEqual({ code, syscall }, { code: 'ERR_MEMUSAGE_PROC_READ', syscall: 'open' })
  })
})
