// A process of a control group: does what stands in each line of its input, and answers with what limits() says then.

import { mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const { limits, memoryUsage } = createRequire(import.meta.url)('../../index.js')
const MIB = 1024 * 1024
const kept = []

const commands = {
  look() {},
  allocate(bytes) {
    kept.push(Buffer.alloc(bytes, 1))
  },
  /** Has the kernel keep a file in its cache: written elsewhere, it is read here. */
  readFile(bytes) {
    const folder = mkdtempSync(join(tmpdir(), 'memusage-cache-'))
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const piece = Buffer.alloc(MIB, 1)
    for (let written = 0; written < bytes; written += MIB) writeFileSync(file, piece, { flag: 'a' })
    const descriptor = openSync(file, 'r')
    while (readSync(descriptor, piece) > 0);
    process.once('exit', () => rmSync(folder, { recursive: true }))
  },
  /** Takes more and more, and answers after each step. */
  fill(step) {
    for (;;) {
      answer()
      kept.push(Buffer.alloc(step, 1))
    }
  },
}

function answer() {
  const figures = {
    limits: limits(),
    constrained: process.constrainedMemory?.(),
    available: process.availableMemory?.(),
    rss: memoryUsage.rss(),
  }
  writeFileSync(1, `${JSON.stringify(figures)}\n`)
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = JSON.parse(line)
  commands[command](argument)
  answer()
}
