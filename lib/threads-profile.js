'use strict'

// The profile of buffers in all threads that loaded the package, started and stopped from one of them.
//
// Threads post each other texts (src/threads/thread_messages.rs) and are told that there are some. A thread that is
// busy or blocked is told when it turns to its event loop again: who asks waits for `waitMs` at most and says whom it did
// not reach.
// While it is on, a notice in the process tells threads that load the package later, which then start by themselves.

const native = require('../native')
const { rateOf, startFor, stopFor } = require('./buffer-profile')
const { fromMessage, toMessage } = require('./profile/message')
const { ThreadsProfile } = require('./profile/threads-profile')
const { unregisteredWorkers } = require('./started-workers')
const { threadId } = require('./thread-identity')
const { invalidState, validateNumber, validateOptions } = require('./validate')

const DEFAULT_WAIT_MS = 1000
/** Longer ones overflow a timer of Node's, which then fires at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1
/** How often those who wait look whether a thread has ended meanwhile. */
const LOOK_MS = 25
/** Whose profile it is: one that a thread started for itself is left alone. */
const ALL = Symbol('the profile of all threads')

/** What this thread waits for, by the number of the call. */
const calls = new Map()
let lastCall = 0

async function startAll(options = {}) {
  validateOptions(options, ['sampleBytes', 'maxTimeShare', 'waitMs'])
  const { waitMs = DEFAULT_WAIT_MS, ...rate } = options
  validateNumber(waitMs, 'options.waitMs', 0)
  rateOf(rate)
  if (native.readNotice() !== null) throw invalidState('a profile of all threads is running')
  native.putUpNotice(JSON.stringify(rate))
  return { threads: await ask({ kind: 'start', rate }, waitMs) }
}

async function stopAll(options = {}) {
  validateOptions(options, ['waitMs'])
  const { waitMs = DEFAULT_WAIT_MS } = options
  validateNumber(waitMs, 'options.waitMs', 0)
  if (native.putUpNotice(null) === null) throw invalidState('no profile of all threads is running')
  const answers = await ask({ kind: 'stop' }, waitMs)
  return new ThreadsProfile(
    answers.map(({ message, ...thread }) => ({ ...thread, raw: message ? fromMessage(message) : null })),
  )
}

/** What each thread answers to a request, in the order of their numbers. */
async function ask(request, waitMs) {
  const call = ++lastCall
  const others = native.registeredThreads().filter((thread) => thread.threadId !== threadId)
  const answers = [
    { threadId, name: nameOf(threadId), ...handle(request) },
    ...unregisteredWorkers().map((worker) => ({
      threadId: worker.threadId,
      name: worker.name,
      outcome: 'unregistered',
      error: null,
    })),
  ]
  const waiting = new Map(others.map((thread) => [thread.threadId, thread.name ?? null]))
  const text = JSON.stringify({ ...request, call, from: threadId })
  const settle = (id, answer) => {
    answers.push({ threadId: id, name: waiting.get(id), error: null, ...answer })
    waiting.delete(id)
  }
  await new Promise((resolve) => {
    const deadline = setTimeout(finish, Math.min(waitMs, LONGEST_TIMEOUT))
    const looking = setInterval(look, LOOK_MS)
    calls.set(call, (id, answer) => {
      if (waiting.has(id)) settle(id, answer)
      if (waiting.size === 0) finish()
    })
    for (const id of [...waiting.keys()]) {
      if (!native.postMail(id, text) && native.isRegistered(id)) settle(id, { outcome: 'unreached' })
    }
    look()

    function look() {
      for (const id of waiting.keys()) {
        if (!native.isRegistered(id)) settle(id, { outcome: 'ended' })
      }
      if (waiting.size === 0) finish()
    }

    function finish() {
      clearTimeout(deadline)
      clearInterval(looking)
      calls.delete(call)
      resolve()
    }
  })
  for (const id of [...waiting.keys()]) settle(id, { outcome: 'unreached' })
  return answers.sort((a, b) => a.threadId - b.threadId)
}

function nameOf(id) {
  return native.registeredThreads().find((thread) => thread.threadId === id)?.name ?? null
}

/** Does what a thread was asked to, and gives what it answers. */
function handle({ kind, rate }) {
  try {
    return kind === 'start' ? startHere(rate) : stopHere()
  } catch (error) {
    return { outcome: 'failed', error: error.message }
  }
}

function startHere(rate) {
  const isOurs = startFor(ALL, rate)
  return { outcome: isOurs ? 'started' : 'has its own', error: null }
}

function stopHere() {
  const stopped = stopFor(ALL)
  if (stopped === null) return { outcome: 'not running', error: null }
  return { outcome: 'stopped', error: null, message: toMessage(stopped) }
}

/** There is mail. */
function deliver() {
  for (const text of native.collectMail(threadId)) {
    const { kind, call, from, id, answer, rate } = JSON.parse(text)
    if (kind === 'answer') calls.get(call)?.(id, answer)
    else
      native.postMail(
        from,
        JSON.stringify({ kind: 'answer', call, id: threadId, answer: handle({ kind, rate }) }),
      )
  }
}

/** For a thread that loads the package while all are profiled. */
function join(notice) {
  handle({ kind: 'start', rate: JSON.parse(notice) })
}

module.exports = { deliver, join, startAll, stopAll }
