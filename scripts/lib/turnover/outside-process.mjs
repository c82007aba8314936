// The second process of scripts/soak-turnover.mjs: it reads what the kernel says about the first one.
//
//   node outside-process.mjs PID REQUESTS ANSWERS    two named pipes
//
// A request is one byte: 'b' begins a look, 'B' the same with smaps, 'e' and 'E' end it. Between the two it reads the
// resident set size again and again, and how much of it files have: the kernel takes pages of programs out of memory and
// back in when it likes.

import { constants, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { partsOfSmaps } from './smaps.mjs'

const SAMPLING_MS = 0.2
const WAITING_MS = 1

const [, , pid, requestsPath, answersPath] = process.argv
const requests = openSync(requestsPath, constants.O_RDWR | constants.O_NONBLOCK)
const answers = openSync(answersPath, constants.O_RDWR)
const statm = openSync(`/proc/${pid}/statm`)
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const text = Buffer.alloc(256)

let window = null
for (;;) {
  const request = nextRequest()
  if (request === null) {
    if (window) sample()
    rest(window ? SAMPLING_MS : WAITING_MS)
    continue
  }
  const parts =
    request === request.toUpperCase() ? partsOfSmaps(readFileSync(`/proc/${pid}/smaps`, 'latin1')) : null
  if (request.toLowerCase() === 'b') {
    sample()
    answer({ parts })
  } else {
    sample()
    answer({ parts, ...window })
    window = null
  }
}

function nextRequest() {
  try {
    return readSync(requests, text, 0, 1, null) === 1 ? text.toString('latin1', 0, 1) : null
  } catch ({ code }) {
    if (code === 'EAGAIN') return null
    throw new Error(code)
  }
}

/** Waits a moment, and ends with the process that it is there for. */
function rest(milliseconds) {
  Atomics.wait(sleeper, 0, 0, milliseconds)
  if (process.ppid !== Number(pid)) process.exit()
}

function sample() {
  const length = readSync(statm, text, 0, text.length, 0)
  const [, rss, file] = text
    .toString('latin1', 0, length)
    .split(' ')
    .map((pages) => Number(pages) * 4096)
  window ??= { least: rss, most: rss, leastFile: file, mostFile: file, samples: 0 }
  window.least = Math.min(window.least, rss)
  window.most = Math.max(window.most, rss)
  window.leastFile = Math.min(window.leastFile, file)
  window.mostFile = Math.max(window.mostFile, file)
  window.samples++
}

function answer(value) {
  writeSync(answers, `${JSON.stringify(value)}\n`)
}
