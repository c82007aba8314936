// A second opinion on where memory is, from /proc/PID/smaps alone, written apart from the product's own reading of it.

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+) *(.*)$/
const SHARED_MEMORY = /^\/memfd:|^\/dev\/shm\/|^\/SYSV|^\/dev\/zero|^\[anon_shmem/

/** What smaps alone can tell of each kind of mapping, in bytes. */
export function partsOfSmaps(text) {
  const mappings = []
  for (const line of text.split('\n')) {
    const header = HEADER.exec(line)
    if (header) {
      const [, start, end, rights, inode, name] = header
      mappings.push({ start, end, rights, isFile: inode !== '0', name, rss: 0 })
    } else if (line.startsWith('Rss:')) {
      mappings.at(-1).rss = Number.parseInt(line.slice(4), 10) * 1024
    }
  }
  const programs = new Set(
    mappings.filter(({ rights, isFile }) => isFile && rights[2] === 'x').map(({ name }) => name),
  )
  const parts = { code: 0, zeroedData: 0, mappedFiles: 0, sharedMemory: 0, anonymous: 0 }
  let previous = null
  for (const mapping of mappings) {
    mapping.kind = kindOf(mapping, previous, programs)
    parts[mapping.kind] += mapping.rss
    previous = mapping
  }
  return { ...parts, mappings: mappings.length, rss: mappings.reduce((sum, { rss }) => sum + rss, 0) }
}

function kindOf({ start, isFile, name }, previous, programs) {
  if (SHARED_MEMORY.test(name)) return 'sharedMemory'
  if (isFile) return programs.has(name) ? 'code' : 'mappedFiles'
  if (name === '[vdso]') return 'code'
  // What a library has beyond its file, its `.bss`, follows the last of its mappings without a gap. Other memory may
  // follow it in the same mapping.
  const isBss = name === '' && previous?.kind === 'code' && previous.isFile && previous.end === start
  return isBss ? 'zeroedData' : 'anonymous'
}
