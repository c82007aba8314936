'use strict'

// A profile of buffers where the package is loaded inside a context of node:vm, as by jest and vitest.

const assert = require('node:assert/strict')
const { join } = require('node:path')
const { describe, it } = require('node:test')
const vm = require('node:vm')
const { root } = require('./helpers/child')
const { realm } = require('./helpers/realm')

const GIVEN = ['Buffer', 'process', 'performance', 'TextEncoder']
/** What jest-environment-node passes in beside those: constructors of the outer realm. */
const JEST_GIVES = ['ArrayBuffer', 'Uint8Array']
const EVERY = '{ sampleBytes: 1 }'

const outer = (names) => Object.fromEntries(names.map((name) => [name, globalThis[name]]))
const SANDBOXES = {
  'a plain object': () => outer(GIVEN),
  'an object with constructors of its own, as in jest': () => outer([...GIVEN, ...JEST_GIVES]),
  'an object whose constructor is not writable': () =>
    Object.defineProperty(outer(GIVEN), 'Float64Array', { value: Float64Array, configurable: true }),
}
if (vm.constants?.DONT_CONTEXTIFY) SANDBOXES['no object at all'] = () => vm.constants.DONT_CONTEXTIFY

describe('in a context of node:vm made of', () => {
  for (const [name, make] of Object.entries(SANDBOXES)) {
    it(`${name}: stop() puts back every property of every object as it was (review B.1)`, () => {
      const { run, sandbox, profile } = withProfile(make())
      const before = snapshot(run, sandbox)
      for (let times = 0; times < 3; times++) {
        run(`profile.start(${EVERY})`)
        assert.notDeepEqual(snapshot(run, sandbox), before)
        run('held.push(new ArrayBuffer(1000), new SharedArrayBuffer(2000), new Uint16Array(1500))')
        const { liveBytes } = profile.stop()
        run('held.length = 0')
        assert.equal(liveBytes, 6000)
        assert.deepEqual(snapshot(run, sandbox), before)
      }
    })
  }

  it('an object whose users replace a global meanwhile: theirs stays', () => {
    const { run, profile } = withProfile(outer(GIVEN))
    profile.start()
    run('globalThis.Theirs = class Theirs extends Uint8Array {}; globalThis.Uint8Array = Theirs')
    profile.stop()
    assert.equal(run('Uint8Array === Theirs && globalThis.Uint8Array === Theirs'), true)
    profile.start()
    profile.stop()
  })

  it('an object that was frozen then: the realm is watched all the same, and put back', () => {
    const { run, sandbox, profile } = withProfile(outer(GIVEN))
    Object.freeze(sandbox)
    const before = snapshot(run, sandbox)
    for (let times = 0; times < 2; times++) {
      profile.start({ sampleBytes: 1 })
      run('held.push(new ArrayBuffer(1000), new Float32Array(500))')
      assert.equal(profile.stop().liveBytes, 3000)
      run('held.length = 0')
      assert.deepEqual(snapshot(run, sandbox), before)
    }
  })
})

/** The package, loaded in a realm of its own; there its profile is a global. */
function withProfile(sandbox) {
  const inside = realm(sandbox)
  if (sandbox === vm.constants?.DONT_CONTEXTIFY) Object.assign(inside.sandbox, outer(GIVEN))
  const { profile } = inside.load(join(root, 'lib', 'buffer-profile.js'))
  inside.sandbox.profile = profile
  inside.sandbox.held = []
  return { ...inside, profile }
}

/** All own properties, with all attributes, of everything that a profile touches: in the realm, and outside of it. */
function snapshot(run, sandbox) {
  const inside =
    run(`[globalThis, ArrayBuffer, SharedArrayBuffer, Uint8Array, Uint16Array, Float64Array, Buffer, Error]
    .flatMap((object) => [object, object.prototype, Object.getPrototypeOf(object)])
    .filter((object) => object instanceof Object || object === globalThis)`)
  const objects = [sandbox, globalThis, ...inside, Object.getPrototypeOf(Uint8Array).prototype, Uint8Array]
  return objects.map((object) => [object, Reflect.ownKeys(object).map((key) => [key, fieldsOf(object, key)])])
}

function fieldsOf(object, key) {
  if (object === globalThis && !/Array|Buffer/.test(String(key))) return {} // Node loads what is looked at
  return Reflect.getOwnPropertyDescriptor(object, key)
}
