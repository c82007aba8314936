'use strict'

// What the query of a request may say. Each parameter of a route is `{ allowed, unlessGiven, fallback, parse }`: what
// makes sense and what holds without it, in words, the value without it, and the value of a text (`undefined` for one
// that makes no sense).

const { mapValues } = require('./format')
const { wholeNumber } = require('./whole-number')

const LONGEST_LABEL = 40
/** Invisible characters are not, since nobody could tell such labels apart; nor is what looks like none at all. */
const LABEL = new RegExp(`^(?=.*\\S)\\P{C}{1,${LONGEST_LABEL}}$`, 'u')

/** A parameter that makes no sense: the client's to mend, so it is told what would. */
class BadParameter extends Error {
  constructor(parameter, allowed, text) {
    super(`${parameter} must be ${allowed}, not ${JSON.stringify(text)}.`)
    this.parameter = parameter
    this.allowed = allowed
  }
}

function numberParameter({ from, to, fallback, unlessGiven = fallback }) {
  const parse = (text) => wholeNumber(text, { from, to })
  return { allowed: `a whole number from ${from} to ${to}`, unlessGiven, fallback, parse }
}

function choiceParameter(choices, { unlessGiven }) {
  const allowed = `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
  return { allowed, unlessGiven, parse: (text) => choices.find((choice) => choice === text) }
}

function labelParameter({ fallback, unlessGiven = fallback }) {
  const allowed = `1 to ${LONGEST_LABEL} visible characters`
  return { allowed, unlessGiven, fallback, parse: (text) => (LABEL.test(text) ? text : undefined) }
}

/** The values of all parameters, by name. What the query has besides is ignored. */
function readParameters(query, parameters) {
  const entries = Object.entries(parameters).map(([name, parameter]) => [name, read(query, name, parameter)])
  return Object.fromEntries(entries)
}

function read(query, name, { allowed, fallback, parse }) {
  if (!query.has(name)) return fallback
  const text = query.getAll(name).join(', ') // two of a name are no value that any parameter has: "1, 2"
  const value = parse(text)
  if (value === undefined) throw new BadParameter(name, allowed, text)
  return value
}

/** For the list of routes. */
function describeParameters(parameters) {
  return mapValues(parameters, ({ allowed, unlessGiven }) => `${allowed}; ${unlessGiven} unless given`)
}

module.exports = {
  BadParameter,
  choiceParameter,
  describeParameters,
  labelParameter,
  numberParameter,
  readParameters,
}
