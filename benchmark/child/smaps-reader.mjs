// Where memory is, without an addon: the way that scripts go which one finds.

import { readFileSync } from 'node:fs'

const HEADER = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$/
const RESIDENT = /^Rss: +(\d+) kB$/

/** Resident bytes by the name of the mapping. */
export function readSmaps() {
  const byName = new Map()
  let name = ''
  for (const line of readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    const resident = RESIDENT.exec(line)
    if (resident) byName.set(name, (byName.get(name) ?? 0) + Number(resident[1]) * 1024)
    else name = HEADER.exec(line)?.[1] ?? name
  }
  return byName
}

/** All of them together. */
export function residentIn(byName) {
  return [...byName.values()].reduce((sum, bytes) => sum + bytes, 0)
}
