// The table of threads: a row for each that runs JavaScript, made from a template and kept as long as the thread
// lives, so that neither a selection nor the focus is lost. What other threads own, and what nobody does, has a row
// that is always there.

import { at, percent, setShare, setText, textOf } from './figures.mjs'

const list = document.getElementById('threads')
const template = document.getElementById('thread').content.firstElementChild
const HOLDINGS = { heap: 'heap', buffer: 'Buffers', native: 'native memory' }

/** By threadId: 0 for the main thread, null for a worker of which nobody knows the number. */
const rows = new Map()

export function drawThreads(status) {
  const rss = status.threadTotals?.rss.bytes
  const threads = (status.threads ?? []).filter(({ kind }) => kind !== 'runtime')
  for (const [threadId, row] of rows) {
    if (threads.some((thread) => thread.threadId === threadId)) continue
    row.remove()
    rows.delete(threadId)
  }
  // New workers have higher numbers than old ones, so rows that are there stay where they are.
  threads.sort((a, b) => a.threadId - b.threadId)
  for (const thread of threads) drawThread(thread, rss)
  for (const row of document.querySelectorAll('.threads tr[data-row]')) drawShares(row, status, rss)
}

function drawThread(thread, rss) {
  const row = rows.get(thread.threadId) ?? newRow(thread)
  for (const cell of row.querySelectorAll('[data-of]')) setText(cell, textOf(thread[cell.dataset.of]))
  setText(row.querySelector('[data-holds]'), holdsOf(thread))
  drawShares(row, thread, rss)
}

function newRow({ threadId, kind, holds }) {
  const row = template.cloneNode(true)
  const title = kind === 'main' ? 'Main thread' : `Worker ${threadId ?? ''}`
  setText(row.querySelector('[data-title]'), title)
  const button = row.querySelector('[data-end]')
  button.dataset.end = threadId
  button.hidden = !holds // only what the server started can be ended through it
  button.setAttribute('aria-label', `End worker ${threadId}`)
  rows.set(threadId, row)
  list.append(row)
  return row
}

function holdsOf({ holds }) {
  if (!holds) return ''
  if (holds.bytes === 0) return 'is starting'
  return `holds ${holds.readable} of ${HOLDINGS[holds.kind] ?? 'heap and Buffers'}`
}

function drawShares(row, source, rss) {
  const shareOf = (path) => at(source, path)?.bytes / rss
  for (const slice of row.querySelectorAll('[data-slice]')) setShare(slice, shareOf(slice.dataset.slice))
  for (const cell of row.querySelectorAll('[data-share-of]')) {
    setText(cell, percent(shareOf(cell.dataset.shareOf)))
  }
}
