// limits() in control groups that the kernel really enforces: made for this, filled, changed, and overrun.
//
//   node --test scripts/limits/groups.mjs
//
// Needs root, and a hierarchy with the memory controller in which groups can be made: version 1 or 2. Inside the virtual
// machines of scripts/kernels.mjs it is version 2. What Node itself says in the same moment is printed beside it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'

const MIB = 1024 * 1024
const VERSION_1 = '/sys/fs/cgroup/memory'
const version = existsSync(join(VERSION_1, 'memory.limit_in_bytes')) ? 1 : 2
const LIMIT_FILE = version === 1 ? 'memory.limit_in_bytes' : 'memory.max'
/** In the virtual machines files are memory that belongs to nobody else: there is no cache of them. */
const TMPFS = 0x01021994
const withoutDisk = statfsSync(tmpdir()).type === TMPFS && 'files in the temporary folder are on no disk'
const top = join(version === 1 ? VERSION_1 : '/sys/fs/cgroup', `rs-memusage-${process.pid}`)

/** A process in a group that does as it is told, a line of JSON for each. */
class Member {
  static all = []
  #child
  #lines

  constructor(group) {
    const script = join(import.meta.dirname, 'member.mjs')
    const command = 'echo $$ > "$1"/cgroup.procs && exec "$2" "$3"'
    this.#child = spawn('sh', ['-c', command, 'sh', group, process.execPath, script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    this.ended = once(this.#child, 'exit')
    Member.all.push(this)
  }

  /** The answer; `undefined` where it ended instead. */
  async tell(command, argument) {
    this.#child.stdin.write(`${JSON.stringify([command, argument])}\n`)
    return await this.next()
  }

  async next() {
    const { value } = await this.#lines.next()
    return value && JSON.parse(value)
  }

  async end() {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}

const group = (...names) => join(top, ...names)

function make(folder, limit) {
  mkdirSync(folder)
  if (limit) setLimit(folder, limit)
  return folder
}

function setLimit(folder, bytes) {
  writeFileSync(join(folder, LIMIT_FILE), String(bytes))
}

/** Groups of version 2 hand their controllers on one by one. */
function handOn(folder) {
  if (version === 2) writeFileSync(join(folder, 'cgroup.subtree_control'), '+memory')
}

/** A group goes only when those in it have ended. */
function removeAll(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeAll(join(folder, entry.name))
  }
  rmdirSync(folder)
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`
}

before(() => {
  if (version === 2) writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+memory')
  make(top)
  handOn(top)
})

after(async () => {
  await Promise.all(Member.all.map((member) => member.end()))
  removeAll(top)
})

describe(`limits() in groups of version ${version}`, () => {
  it('finds the limit of the parent of an unlimited group', async (test) => {
    const parent = make(group('limited'), 300 * MIB)
    handOn(parent)
    const child = make(group('limited', 'unlimited'))
    const { limits, constrained, available } = await new Member(child).tell('look')
    const { cgroup, nearest } = limits
    assert.equal(cgroup.version, version)
    assert.equal(cgroup.group, child)
    assert.equal(cgroup.limit, 300 * MIB)
    assert.equal(cgroup.source, join(parent, LIMIT_FILE))
    assert.ok(cgroup.used > 4 * MIB && cgroup.used < 150 * MIB, `${cgroup.used}`) // others have paid for the binary
    assert.equal(cgroup.available, cgroup.limit - cgroup.used)
    assert.deepEqual([nearest.kind, nearest.available], ['cgroup', cgroup.available])
    test.diagnostic(`limit = ${cgroup.limit}, constrainedMemory() = ${constrained}`)
    test.diagnostic(`available = ${cgroup.available}, availableMemory() = ${available}`)
  })

  it('counts page cache that nobody used lately as free', { skip: withoutDisk }, async (test) => {
    const folder = make(group('cached'), 300 * MIB)
    const member = new Member(folder)
    const before = await member.tell('look')
    const { limits, available, rss } = await member.tell('readFile', 200 * MIB)
    const { cgroup } = limits
    assert.ok(cgroup.usage - before.limits.cgroup.usage > 150 * MIB, `usage grew to ${cgroup.usage}`)
    assert.ok(cgroup.inactiveFile > 150 * MIB, `${cgroup.inactiveFile}`)
    assert.ok(cgroup.available > 300 * MIB - rss - 50 * MIB, `${cgroup.available} with an RSS of ${rss}`)
    test.diagnostic(`cache: available = ${cgroup.available}, availableMemory() there = ${available}`)
    // It is free indeed: what is allocated now takes its place.
    const filled = await member.tell('allocate', Math.floor(0.8 * cgroup.available))
    assert.ok(filled, 'the process was killed')
    assert.equal(filled.limits.cgroup.events.oomKill, 0)
  })

  it('sees at the next call a limit that was changed', async () => {
    const folder = make(group('resized'), 300 * MIB)
    const member = new Member(folder)
    const seen = [(await member.tell('look')).limits.cgroup.limit]
    for (const limit of [200 * MIB, 512 * MIB]) {
      setLimit(folder, limit)
      seen.push((await member.tell('look')).limits.cgroup.limit)
    }
    setLimit(folder, version === 1 ? -1 : 'max')
    const { cgroup, nearest } = (await member.tell('look')).limits
    assert.deepEqual(seen, [300 * MIB, 200 * MIB, 512 * MIB])
    assert.equal(cgroup.limit, null)
    assert.notEqual(nearest.kind, 'cgroup')
  })

  it('had named the group that kills, one step before', async (test) => {
    const STEP = 4 * MIB
    const parent = make(group('killing'), 200 * MIB)
    handOn(parent)
    const child = make(group('killing', 'victim'))
    const member = new Member(child)
    let last = await member.tell('fill', STEP)
    for (let next = last; next; next = await member.next()) last = next
    const [code, signal] = await member.ended
    const { nearest, cgroup } = last.limits
    test.diagnostic(`one step before the kill: available = ${percent(nearest.available / nearest.limit)}`)
    assert.deepEqual([code, signal], [null, 'SIGKILL'])
    assert.deepEqual([nearest.kind, nearest.source], ['cgroup', join(parent, LIMIT_FILE)])
    assert.ok(nearest.available <= 0.05 * nearest.limit + STEP, `${nearest.available} of ${nearest.limit}`)
    assert.equal(cgroup.oomGroup, false)
    const survivor = await new Member(child).tell('look')
    assert.equal(survivor.limits.cgroup.events.oomKill, 1)
  })

  it('tells of a group that dies as a whole', { skip: version === 1 && 'version 1 has none' }, async () => {
    const folder = make(group('whole'), 200 * MIB)
    writeFileSync(join(folder, 'memory.oom.group'), '1')
    const [app, helper] = [new Member(folder), new Member(folder)]
    assert.equal((await app.tell('look')).limits.cgroup.oomGroup, true)
    await helper.tell('fill', 4 * MIB)
    while (await helper.next());
    const [, signal] = await app.ended
    assert.equal(signal, 'SIGKILL')
  })

  it('agrees with the kernel about the own group, without any limit', async () => {
    const { limits } = await new Member(make(group('free'))).tell('look')
    const usage = Number(
      readFileSync(join(group('free'), version === 1 ? 'memory.usage_in_bytes' : 'memory.current')),
    )
    assert.equal(limits.cgroup.limit, null)
    assert.ok(Math.abs(limits.cgroup.usage - usage) < 16 * MIB, `${limits.cgroup.usage} beside ${usage}`)
  })
})
