// One fresh process: what does requiring one module cost? Prints JSON.
//
//   node load-once.cjs MODULE status|smaps
//
// `status` tells milliseconds and the growth of RSS by kind, `smaps` which files the growth of RssFile maps. Both
// are kept as bytes and parsed at the end: parsing would make V8 compile and collect in the middle of it all.

const { closeSync, openSync, readSync } = require('node:fs')

const [id, file] = process.argv.slice(2)
const PARSERS = { status: residentKinds, smaps: residentFiles }

const [throwaway, before, after] = [0, 1, 2].map(() => Buffer.alloc(1024 * 1024, ' ')) // written to: resident
snapshot(throwaway) // the first reading brings in its own code
snapshot(before)
const start = process.hrtime.bigint()
require(id)
const nanoseconds = Number(process.hrtime.bigint() - start)
snapshot(after)

const [then, now] = [before, after].map((text) => PARSERS[file](text.toString('latin1').split('\n')))
const grown = Object.keys(now).map((name) => [name, now[name] - then[name]])
console.log(JSON.stringify({ milliseconds: nanoseconds / 1e6, ...Object.fromEntries(grown) }))

function snapshot(buffer) {
  const descriptor = openSync(`/proc/self/${file}`)
  let length = 0
  let read = -1
  while (read !== 0) {
    read = readSync(descriptor, buffer, length, buffer.length - length)
    length += read
  }
  closeSync(descriptor)
}

/** KiB, as the kernel divides them. */
function residentKinds(lines) {
  const kib = (name) => kibOf(lines.find((line) => line.startsWith(name)))
  return { rss: kib('VmRSS:'), anon: kib('RssAnon:'), file: kib('RssFile:') }
}

/** KiB of file mappings: of the node binary, of the addon, of the rest (libc and its like). */
function residentFiles(lines) {
  const resident = { node: 0, addon: 0, others: 0 }
  let owner = null
  for (const line of lines) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) owner = ownerOf(line)
    else if (owner !== null && line.startsWith('Rss:')) resident[owner] += kibOf(line)
    // Of a private mapping of a file, pages that were written to are anonymous.
    else if (owner !== null && line.startsWith('Anonymous:')) resident[owner] -= kibOf(line)
  }
  return resident
}

function ownerOf(mapping) {
  if (!mapping.includes(' /')) return null
  if (mapping.endsWith(process.execPath)) return 'node'
  return mapping.endsWith('.node') ? 'addon' : 'others'
}

function kibOf(line) {
  return Number(line.match(/\d+/)[0])
}
