'use strict'

// Stacks where the process runs with source maps, of what tsc made of fixtures/mapped/maker.ts.

const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { describe, it } = require('node:test')
const { inChild } = require('./helpers/child')

const FOLDER = join(__dirname, 'fixtures', 'mapped')

const stacks = (flags) =>
  inChild(
    (file) => {
      const { externalBuffers } = require('./index.js')
      const { keeps } = require(file)
      externalBuffers.profile.start({ sampleBytes: 1 })
      const [buffer] = keeps(100_000)
      externalBuffers.track(buffer)
      const profile = externalBuffers.profile.stop()
      return {
        site: profile.sites[0].stack,
        listed: externalBuffers.list()[0].stack,
        folded: profile.toFolded(),
      }
    },
    { args: [join(FOLDER, 'maker.js')], flags },
  )

/** The two innermost frames, from places in `file`, where `lines` can be read. */
function assertPlaces({ site, listed, folded }, file, lines) {
  const path = join(FOLDER, file)
  const text = readFileSync(path, 'utf8').split('\n')
  const places = lines.map(([name, part]) => {
    return `${name} (${path}:${text.findIndex((line) => line.includes(part)) + 1}:`
  })
  for (const [index, place] of places.entries()) {
    assert.ok(site[index].startsWith(place), `${site[index]} is not ${place}`)
    assert.ok(listed.split('\n')[index].startsWith(`    at ${place}`), listed)
    assert.ok(folded.includes(`;${place}`), folded)
  }
}

describe('a buffer profile and list().stack', () => {
  const lines = [
    ['makes', 'new ArrayBuffer'],
    ['keeps', '[makes('],
  ]

  it('name the lines of the sources with --enable-source-maps', async () => {
    assertPlaces(await stacks(['--enable-source-maps']), 'maker.ts', lines)
  })

  it('name those of the code that runs without', async () => {
    assertPlaces(await stacks([]), 'maker.js', lines)
  })
})
