'use strict'

// Puts the calling thread on the registry of the process.

const native = require('../native')
const { threadId, threadName } = require('./thread-identity')
require('./v8-layer') // what may be said of V8 is settled before

// Nodes before 22.20 and 24.6 do not tell the name inside of a worker.
native.registerThread(threadId, threadName || undefined)

/** Loaded when there is mail from another thread, or a notice for those that come: few processes ever have either. */
function deliver() {
  require('./threads-profile').deliver()
}
native.onMail(deliver)
const notice = native.readNotice()
if (notice !== null) require('./threads-profile').join(notice)

module.exports = { deliver } // which nothing else keeps alive
