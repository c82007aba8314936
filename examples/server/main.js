'use strict'

// The memory metrics server. `npm start`, then open http://127.0.0.1:3000

const { once } = require('node:events')
const { createServer } = require('node:http')
const { constants } = require('node:os')
const { Holdings } = require('./holdings')
const { memoryLine } = require('./report')
const { answerTo } = require('./routes')
const { StartProblem, listenProblem, readSettings } = require('./settings')

/** How long a stop waits for clients that hold a connection open and say nothing. Browsers do, to be faster. */
const GRACE_MS = 1000

async function start() {
  const settings = readSettings(process.env)
  const holdings = new Holdings()
  const server = createServer()
  server.on('request', async (request, response) => {
    const answer = await answerTo(request, holdings)
    send(response, answer, { last: !server.listening })
  })
  await listen(server, settings)
  server.on('error', (error) => console.error(error.message)) // a connection that could not be accepted
  endOnSignal(() => stop(server, holdings))
  console.log(`Memory metrics server on ${addressOf(server)}`)
  await reportEvery(settings.intervalMs, holdings)
}

async function listen(server, settings) {
  server.listen(settings.port, settings.host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw listenProblem(error, settings)
  }
}

/** With the port that the system chose where PORT is 0. */
function addressOf(server) {
  const { address, family, port } = server.address()
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** One line after the other: a look that takes longer than the interval is not overtaken by the next. */
async function reportEvery(intervalMs, holdings) {
  console.log(await memoryLine(holdings))
  setTimeout(reportEvery, intervalMs, intervalMs, holdings).unref()
}

function send(response, { code, headers, text }, { last }) {
  response.statusCode = code
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (last) response.setHeader('connection', 'close')
  response.end(text)
}

/** The first signal ends the process in good order, a second one at once. */
function endOnSignal(end) {
  let ending = false
  const onSignal = (signal) => {
    if (ending) process.exit(128 + constants.signals[signal])
    ending = true
    console.log('Stopping. A second signal ends the process at once.')
    end()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}

/** Nothing keeps the process alive after this. */
async function stop(server, holdings) {
  server.close() // and its idle connections with it
  setTimeout(() => server.closeAllConnections(), GRACE_MS).unref()
  await holdings.close()
}

start().catch((error) => {
  console.error(error instanceof StartProblem ? error.message : error)
  process.exitCode = 1
})
