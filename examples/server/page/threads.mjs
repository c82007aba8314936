// The table of threads: a row for each that runs JavaScript. What other threads own, and what nobody does, has a row
// that is always there.

import { setText } from './figures.mjs'
import { drawShares, drawTexts, Rows } from './rows.mjs'

const HOLDINGS = { heap: 'heap', buffer: 'Buffers', native: 'native memory' }

/** By threadId: 0 for the main thread, null for a worker of which nobody knows the number. */
const rows = new Rows('threads', 'thread')

export function drawThreads(status) {
  const rss = status.threadTotals?.rss.bytes
  const threads = (status.threads ?? []).filter(({ kind }) => kind !== 'runtime')
  // New workers have higher numbers than old ones, so rows that are there stay where they are.
  threads.sort((a, b) => a.threadId - b.threadId)
  const byId = new Map(threads.map((thread) => [thread.threadId, thread]))
  const drawn = rows.arrange(byId, prepareRow)
  for (const [index, thread] of [...byId.values()].entries()) drawThread(drawn[index], thread, rss)
  for (const row of document.querySelectorAll('.threads tr[data-row]')) drawShares(row, status, rss)
}

function prepareRow(row, { threadId, kind, holds }) {
  const title = kind === 'main' ? 'Main thread' : `Worker ${threadId ?? ''}`
  setText(row.querySelector('[data-title]'), title)
  const button = row.querySelector('[data-end]')
  button.dataset.end = threadId
  button.hidden = !holds // only what the server started can be ended through it
  button.setAttribute('aria-label', `End worker ${threadId}`)
}

function drawThread(row, thread, rss) {
  drawTexts(row, thread)
  setText(row.querySelector('[data-holds]'), holdsOf(thread))
  drawShares(row, thread, rss)
}

function holdsOf({ holds }) {
  if (!holds) return ''
  if (holds.bytes === 0) return 'is starting'
  return `holds ${holds.readable} of ${HOLDINGS[holds.kind] ?? 'heap and Buffers'}`
}
