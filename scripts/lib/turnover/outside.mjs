// The kernel's figures for this process, read by a second one before, during and after a look. The calls are
// synchronous, so that nothing of the calling thread happens between a reading and the look.

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('./outside-process.mjs', import.meta.url))

export class Outside {
  #child
  #requests
  #answers
  #chunk = Buffer.alloc(4096)

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-outside-'))
    const pipes = ['requests', 'answers'].map((name) => join(folder, name))
    execFileSync('mkfifo', pipes)
    // Open in both directions: neither side waits for the other one to open.
    ;[this.#requests, this.#answers] = pipes.map((path) => openSync(path, 'r+'))
    this.#child = spawn(process.execPath, [script, String(process.pid), ...pipes], { stdio: 'inherit' })
    this.#child.unref()
    this.#ask('b')
    this.#ask('e')
    rmSync(folder, { recursive: true })
  }

  begin(withSmaps) {
    return this.#ask(withSmaps ? 'B' : 'b')
  }

  /** The least and the most that was resident since `begin`, and how often that was read. */
  end(withSmaps) {
    return this.#ask(withSmaps ? 'E' : 'e')
  }

  close() {
    this.#child.kill()
  }

  #ask(request) {
    writeSync(this.#requests, request)
    let text = ''
    while (!text.endsWith('\n')) {
      text += this.#chunk.toString('latin1', 0, readSync(this.#answers, this.#chunk))
    }
    return JSON.parse(text)
  }
}
