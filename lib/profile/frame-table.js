'use strict'

// Frames of stacks, one object for each place in the code.
//
// V8 takes three times as long to name a place (its function, line and column) as to tell its position in the
// source, so that is asked for once.

class FrameTable {
  /** By script, and in there by position. */
  #places = new Map()
  /** By name, line and column, of what has no script. */
  #others = new Map()

  /** Call sites keep what they were called on alive; frames are plain. */
  frameOf(callSite) {
    const script = callSite.getScriptNameOrSourceURL() ?? ''
    if (script === '') return this.#named(callSite) // V8's own functions, and eval: positions would be mixed up
    const places = found(this.#places, script, () => new Map())
    return found(places, callSite.getPosition(), () => describe(callSite, script))
  }

  #named(callSite) {
    const frame = describe(callSite, '')
    return found(this.#others, `${frame.functionName}:${frame.line}:${frame.column}`, () => frame)
  }
}

function found(map, key, make) {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

/** Lines and columns count from 1; what has none, such as a function of V8's own, has `null`. */
function describe(callSite, script) {
  return {
    functionName: callSite.getFunctionName() ?? '',
    script,
    line: callSite.getLineNumber(),
    column: callSite.getColumnNumber(),
  }
}

module.exports = { FrameTable }
