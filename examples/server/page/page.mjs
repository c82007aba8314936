// Asks the server for its figures again and again, and passes the buttons on to it.

import { draw } from './drawing.mjs'
import { setText } from './figures.mjs'

const PERIOD_MS = 2000
/** A look takes milliseconds. Whoever says nothing for this long is gone or stuck. */
const PATIENCE_MS = 8000
/** A worker may take a while to start on a busy machine. */
const PATIENCE_FOR_ACTIONS_MS = 60_000

/** What is read aloud without being asked for: a change of a tenth, and not more often than this. */
const SPEAK_AFTER_MS = 20_000
const SPEAK_CHANGE = 0.1

/** What the server is to hold. Whether that makes sense is the server’s to say. */
const QUERIES = {
  buffer: () => ({ mb: fieldValue('bufferMb'), label: fieldValue('label') }),
  worker: () => ({ mb: fieldValue('mb'), ...(fieldValue('kind') && { kind: fieldValue('kind') }) }),
}

const news = document.getElementById('news')
const spoken = document.getElementById('spoken')

let timer
let newest = 0
let lastSeen = null
let lastSpoken = null

/** The only loop: whoever calls it takes it over, so that there is never a second one. */
async function refresh() {
  clearTimeout(timer)
  const own = ++newest
  const outcome = await request('status', { patience: PATIENCE_MS })
  if (own !== newest) return
  if (outcome.error) lose(outcome.error)
  else show(outcome.body)
  timer = setTimeout(refresh, PERIOD_MS)
}

function show(status) {
  if (document.body.classList.contains('lost')) tell('The server answers again.')
  document.body.classList.remove('lost')
  if (!status.breakdown) tell('This platform does not tell where the memory is.')
  lastSeen = new Date()
  speak(draw(status))
}

/** The figures stay, for they are the last that are known, and are marked as old. */
function lose(reason) {
  const since = lastSeen ? ` The figures are from ${lastSeen.toLocaleTimeString()}.` : ''
  tell(`${reason}${since}`)
  document.body.classList.add('lost')
}

async function act({ action, method = 'POST' }) {
  const query = QUERIES[action]?.()
  const path = query ? `${action}?${new URLSearchParams(query)}` : action
  const { body, error } = await request(path, { method, patience: PATIENCE_FOR_ACTIONS_MS })
  tell(error ?? outcomeOf(action, body))
  refresh()
}

function fieldValue(id) {
  return document.getElementById(id).value
}

async function end(threadId) {
  const { error } = await request(`worker/${threadId}`, {
    method: 'DELETE',
    patience: PATIENCE_FOR_ACTIONS_MS,
  })
  tell(error ?? `Worker ${threadId} has ended.`)
  refresh()
}

function outcomeOf(action, { holding, leak, ended, released }) {
  if (action === 'allocate') return `The server holds ${holding.heap.readable} of JavaScript heap.`
  if (action === 'buffer') return `The server holds ${holding.buffers.readable} in Buffers.`
  if (action === 'worker') return `The server holds ${holding.workers.readable} in worker threads.`
  if (leak) return `${leak.buffer.readable} leak every ${leak.periodMs} ms, up to ${leak.most.readable}.`
  if (ended) return `The leak has ended and gave back ${ended.readable}.`
  const [heap, buffers, leaked, workers] = ['heap', 'buffers', 'leak', 'workers'].map(
    (kind) => released[kind].readable,
  )
  return `Released: heap ${heap}, Buffers ${buffers}, leak ${leaked}, workers ${workers}.`
}

/** `{ body }`, or `{ error }` in words for people. Never rejects. */
async function request(path, { method = 'GET', patience }) {
  try {
    const response = await fetch(path, { method, signal: AbortSignal.timeout(patience) })
    const body = await response.json()
    return response.ok ? { body } : { error: body.error }
  } catch {
    return { error: 'The server does not answer.' }
  }
}

/** Where people look, and what screen readers say: nothing when it has been said already. */
function tell(text) {
  setText(news, text)
}

/** The headline changes every two seconds. A screen reader that said so would say nothing else. */
function speak({ bytes, readable }) {
  const now = Date.now()
  const isNews = lastSpoken && Math.abs(bytes / lastSpoken.bytes - 1) >= SPEAK_CHANGE
  if (isNews && now - lastSpoken.at >= SPEAK_AFTER_MS) setText(spoken, `RSS ${readable}`)
  else if (lastSpoken) return
  lastSpoken = { bytes, at: now }
}

for (const button of document.querySelectorAll('button[data-action]')) {
  button.addEventListener('click', () => act(button.dataset))
}

document.getElementById('threads').addEventListener('click', ({ target }) => {
  if (target.dataset.end) end(target.dataset.end)
})

// Nobody looks at a hidden page, and what is taken in vain costs the server too.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer)
  else refresh()
})

refresh()
