'use strict'

// /worker and /worker/:id

const { json, problem } = require('./answers')
const { summary } = require('./report')
const { holdsOf, workerReport } = require('./threads')

async function keepWorker(holdings, { query }) {
  const worker = await holdings.keepWorker(query)
  return json(200, { worker: nameOf(worker), ...summary(holdings) })
}

async function oneWorker(holdings, { id, method }) {
  const worker = workerOf(holdings, id)
  if (!worker) return problem(404, `There is no worker ${id}. Those that live are listed at /status`)
  if (method !== 'DELETE') return json(200, { worker: await workerReport(worker) })
  const ended = nameOf(worker)
  await worker.dismiss()
  return json(200, { ended, ...summary(holdings) })
}

/** An id is a threadId as it is printed: "01" is none. */
function workerOf(holdings, id) {
  return String(Number(id)) === id ? holdings.worker(Number(id)) : undefined
}

function nameOf(worker) {
  return { threadId: worker.threadId, holds: holdsOf(worker) }
}

module.exports = { keepWorker, oneWorker }
