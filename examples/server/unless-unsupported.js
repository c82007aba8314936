'use strict'

/** What a look found; null where the platform does not tell. */
async function unlessUnsupported(look) {
  try {
    return await look
  } catch (error) {
    if (error.code === 'ERR_MEMUSAGE_UNSUPPORTED') return null
    throw error
  }
}

module.exports = { unlessUnsupported }
