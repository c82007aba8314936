// Runs the scenes with the Node that runs this, and prints what the machine has under the programs. For machines of
// other kinds, real or emulated (scripts/kernels.mjs): there the kernel tells what a program has, so all of it is judged.

import { readFileSync } from 'node:fs'
import { Tally } from '../lib/steps.mjs'
import { runScenes } from './scenes.mjs'

const [, kib] = /^KernelPageSize: +(\d+) kB$/m.exec(readFileSync('/proc/self/smaps', 'latin1'))
const { glibcVersionRuntime } = process.report.getReport().header
console.log(`# pages = ${kib} KiB, glibc = ${glibcVersionRuntime}`)
const tally = new Tally()
tally.add(runScenes([[process.versions.node, [process.execPath]]]))
tally.finish()
