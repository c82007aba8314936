'use strict'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** 45428736 reads as "43.3 MiB". What nobody could measure is null, and reads as "unknown", never as 0. */
function readableSize(bytes) {
  if (bytes === null) return 'unknown'
  let amount = bytes
  let unit = 0
  // Compared as it will be printed, so that one byte less than 1 MiB is not "1024.0 KiB".
  while (Number(amount.toFixed(1)) >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024
    unit++
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit]}`
}

/** A size for programs and for people. */
function size(bytes) {
  return { bytes, readable: readableSize(bytes) }
}

/** All figures of an object as sizes. */
function withSizes(figures) {
  return mapValues(figures, size)
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))
}

module.exports = { mapValues, readableSize, size, withSizes }
