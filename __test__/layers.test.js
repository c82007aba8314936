'use strict'

const assert = require('node:assert/strict')
const { readdirSync, readFileSync, statSync } = require('node:fs')
const { join } = require('node:path')
const { describe, it } = require('node:test')
const { root } = require('./helpers/child')

/** What each part of the crate may use of the others. Nothing points upwards. */
const MAY_USE = {
  'lib.rs': [
    'api',
    'attribution',
    'buffers',
    'limits',
    'look',
    'threads',
    'v8',
    'malloc',
    'platform',
    'parse',
    'error',
    'js_number',
  ],
  api: [
    'look',
    'limits',
    'threads',
    'buffers',
    'attribution',
    'v8',
    'malloc',
    'platform',
    'error',
    'js_number',
  ],
  look: ['attribution', 'buffers', 'threads', 'v8', 'malloc', 'platform', 'parse', 'error'],
  threads: ['attribution', 'buffers', 'v8', 'malloc', 'platform', 'parse', 'error', 'js_number'],
  buffers: ['v8', 'platform', 'error'],
  limits: ['parse'],
  attribution: ['parse', 'error'],
  v8: ['platform', 'error'],
  malloc: ['platform', 'parse', 'error'],
  platform: ['parse', 'error'],
  parse: [],
  'error.rs': [],
  'js_number.rs': [],
}
const MAY_USE_NAPI = ['lib.rs', 'api', 'threads']
const MAY_USE_RAW_NAPI = ['threads', 'v8']
const MAY_USE_LIBC = ['platform', 'malloc']

const files = (folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(folder, file)).isFile(),
  )

const sources = files(join(root, 'src')).map((file) => {
  const text = readFileSync(join(root, 'src', file), 'utf8')
  return { file, part: file.split('/', 1)[0], code: text.replace(/\/\/.*$/gm, '') }
})

describe('the layers of the crate', () => {
  it('depend on each other in one direction only', () => {
    assert.deepEqual([...new Set(sources.map(({ part }) => part))].sort(), Object.keys(MAY_USE).sort())
    for (const { file, part, code } of sources) {
      const used = [...code.matchAll(/\bcrate::(\w+)/g)].map(([, name]) => name)
      const foreign = used.filter((name) => name !== part.replace('.rs', ''))
      for (const name of foreign) assert.ok(MAY_USE[part].includes(name), `src/${file} uses crate::${name}`)
    }
  })

  it('keep Node-API and libc where they belong', () => {
    for (const { file, part, code } of sources) {
      if (/\bnapi(_derive)?::/.test(code)) assert.ok(MAY_USE_NAPI.includes(part), `src/${file} uses napi`)
      if (/\bsys::napi_/.test(code)) assert.ok(MAY_USE_RAW_NAPI.includes(part), `src/${file} uses napi::sys`)
      if (/\blibc::/.test(code)) assert.ok(MAY_USE_LIBC.includes(part), `src/${file} uses libc`)
    }
  })
})

describe('the layers of the JavaScript', () => {
  const required = (file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/require\('(\.[^']+)'\)/g)].map(([, id]) => id)
  /** What native.js itself is made of. */
  const BELOW_NATIVE = ['engine', 'flavours', 'given-addon', 'own-realm', 'without-native']

  it('go from lib/index.js over lib to native.js', () => {
    assert.deepEqual(required('index.js'), ['./bundle'])
    const below = BELOW_NATIVE.map((file) => `./lib/${file}`)
    assert.deepEqual(required('native.js').sort(), below)
    for (const file of BELOW_NATIVE) assert.deepEqual(required(`lib/${file}.js`), [])
    assert.deepEqual(required('register.js'), ['./index'])
    for (const file of files(join(root, 'lib'))) {
      const allowed = file.includes('/')
        ? /^(\.\.\/\.\.\/native|\.\.?\/[\w-]+)$/
        : /^(\.\.\/native|\.\/([\w-]+\/)?[\w-]+)$/
      for (const id of required(join('lib', file))) assert.match(id, allowed, `lib/${file}`)
    }
  })
})
