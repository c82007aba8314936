'use strict'

// What the environment may change. A mistake there is the user's to mend, so it is told in one sentence.

const { wholeNumber } = require('./whole-number')

const LARGEST_PORT = 65535
/** Node's timers count in 32 bits: a longer interval would fire every millisecond. */
const LONGEST_INTERVAL_MS = 2 ** 31 - 1

/** Why the server cannot start, in words for the person at the terminal. */
class StartProblem extends Error {}

function readSettings(environment) {
  return {
    host: environment.HOST || '127.0.0.1',
    port: setting(environment, 'PORT', { fallback: 3000, from: 0, to: LARGEST_PORT }),
    intervalMs: setting(environment, 'INTERVAL_MS', { fallback: 5000, from: 1, to: LONGEST_INTERVAL_MS }),
  }
}

function setting(environment, name, { fallback, from, to }) {
  const text = environment[name]
  if (!text) return fallback
  const number = wholeNumber(text, { from, to })
  if (number !== undefined) return number
  throw new StartProblem(`${name} must be a whole number from ${from} to ${to}, not ${JSON.stringify(text)}.`)
}

/** Puts what the system says about an address into a sentence with a remedy. */
function listenProblem({ code, message }, { host, port }) {
  const remedy = `Choose another one: PORT=${port < LARGEST_PORT ? port + 1 : port - 1} npm start`
  if (code === 'EADDRINUSE') return new StartProblem(`Port ${port} on ${host} is in use. ${remedy}`)
  if (code === 'EACCES') return new StartProblem(`Port ${port} is not open to this user. ${remedy}`)
  return new StartProblem(`Cannot listen on ${host}, port ${port}: ${message}. Check HOST and PORT.`)
}

module.exports = { StartProblem, listenProblem, readSettings }
