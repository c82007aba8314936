'use strict'

/** The number that the text is in decimal digits and nothing else. Undefined if it is none, or out of the range. */
function wholeNumber(text, { from, to }) {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return number >= from && number <= to ? number : undefined
}

module.exports = { wholeNumber }
