// Runs in each Node: measures every contender and prints the samples as JSON.
//
//   node calls.mjs FLOOR_PROGRAM ROUNDS

import { createRequire } from 'node:module'
import v8 from 'node:v8'
import pidusage from 'pidusage'
import { requireAgreement } from './agreement.mjs'
import { interleave } from './interleave.mjs'
import { asyncSlice, floorSlice, syncSlice } from './slices.mjs'
import { createStatmReaders } from './statm-readers.mjs'

const require = createRequire(import.meta.url)
const { memoryUsage } = require('rs-memusage')
const native = require('../../native.js')

const [floorProgram, rounds] = process.argv.slice(2)
const { readKeptStatm, readStatmFile } = createStatmReaders()

// Also starts libuv's thread pool, whose threads every real process has.
const { memory } = await pidusage(process.pid)
requireAgreement({
  'process.memoryUsage.rss()': process.memoryUsage.rss(),
  'process.memoryUsage()': process.memoryUsage().rss,
  'memoryUsage.rss()': memoryUsage.rss(),
  'memoryUsage()': memoryUsage().rss,
  'statm through a kept descriptor': readKeptStatm(),
  'statm through readFileSync': readStatmFile(),
  pidusage: memory,
})

// What is divided by each other stands side by side.
const contenders = {
  readKeptStatm: syncSlice(readKeptStatm),
  readStatmFile: syncSlice(readStatmFile),
  coreRss: syncSlice(process.memoryUsage.rss),
  rss: syncSlice(memoryUsage.rss),
  floor: floorSlice(floorProgram, 'libc'),
  bareFloor: floorSlice(floorProgram, 'bare'),
  readRss: syncSlice(native.readRss),
  readTotals: syncSlice(native.readTotals),
  memoryUsage: syncSlice(memoryUsage),
  coreMemoryUsage: syncSlice(process.memoryUsage),
  heapStatistics: syncSlice(v8.getHeapStatistics),
  trivialCall: syncSlice(native.isSupported),
  pidusage: asyncSlice(() => pidusage(process.pid)),
}

console.log(JSON.stringify(await interleave(contenders, Number(rounds))))
