// What is wrong with a look of scripts/soak-turnover.mjs, beside what the workers say they hold and what the kernel says.

import { heldBetween, LIVE, movedBetween } from './ledger.mjs'

const MIB = 1024 * 1024
/** Memory that malloc, and nobody else, has for a worker. */
const OF_MALLOC = ['buffers', 'received', 'small', 'blocks', 'shared', 'wasm', 'allocated']
/** What a heap holds, and `deep` finds. */
const OF_HEAPS = ['buffers', 'received', 'shared', 'wasm', 'allocated']

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)
const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`

/** How far a thread's figure may be off. */
const allowance = (bytes) => Math.max(bytes / 10, 8 * MIB)
/** Bytes that a look says it may show in a wrong place. An older version knew no such word. */
const unsettled = (look) => look.method.unsettled ?? 0

/**
 * `seen` is { look, before, after, kernel: { first, last } }: the ledger and the kernel around the look, as close as
 * can be. `said` gives what V8 said of a worker's heap in the turn of the look. Each problem is { what, detail }.
 */
export function problemsOf(seen, said) {
  const { look } = seen
  const found = [...problemsOfKernel(seen)]
  if (look.parts) found.push(...problemsOfBreakdown(seen, said))
  else found.push(...problemsOfThreads(seen, said))
  return found.map(([what, detail]) => ({ what, detail }))
}

function* problemsOfKernel({ look, before, after, kernel, heapsMoved }) {
  const { least, most, leastFile, mostFile, parts: last } = kernel.last
  const filesMoved = mostFile - leastFile
  const moved = movedBetween(before, after) + heapsMoved
  const off = Math.max(least - look.rss, look.rss - most, 0)
  // 1 % and 4 MiB: what V8 and malloc do beyond what workers tell of, such as garbage of the looks themselves.
  if (off > moved + Math.max(look.rss / 100, 4 * MIB)) {
    yield [
      "rss is not the kernel's",
      `${mib(look.rss)}, the kernel ${mib(least)} to ${mib(most)}, moved ${mib(moved)}`,
    ]
  }
  const first = kernel.first.parts
  if (!first || !last) return
  const own = look.parts ?? look.sharedParts
  for (const part of ['code', 'mappedFiles', 'sharedMemory']) {
    const low = Math.min(first[part], last[part])
    // A library's `.bss` cannot be told from an anonymous mapping right behind it.
    const bss = part === 'code' ? Math.max(first.zeroedData, last.zeroedData) : 0
    const high = Math.max(first[part], last[part]) + bss
    const tolerance = 2 * MIB + filesMoved
    if (own[part] < low - tolerance || own[part] > high + tolerance) {
      yield [
        `${part} is not what smaps says`,
        `${mib(own[part])}, smaps ${mib(first[part])} and ${mib(last[part])}, moved ${mib(filesMoved)}`,
      ]
    }
  }
}

function* problemsOfOther({ look, before, after }, other) {
  const foreign = heldBetween(before.all, after.all) // a mapping of an addon has no sign of its owner: it is other
  const most = foreign.foreign.most + Math.max(look.rss / 50, 4 * MIB) + unsettled(look)
  if (other > most) {
    yield [
      'too much is other',
      `${mib(other)} of ${mib(look.rss)}, ${mib(foreign.foreign.most)} were foreign`,
    ]
  }
}

function* problemsOfBreakdown(seen, said) {
  const { look, before, after } = seen
  yield* problemsOfOther(seen, look.parts.other)
  if (sum(Object.values(look.parts)) !== look.rss)
    yield ['the parts do not add up', JSON.stringify(look.parts)]
  const workers = liveWorkers(before, after)
  const least = sum(workers.map(({ held }) => sum(OF_MALLOC.map((kind) => held[kind].least))))
  if (look.method.malloc === 'verified' && look.parts.nativeHeap < least * 0.98 - 4 * MIB) {
    yield ['nativeHeap is less than workers hold', `${mib(look.parts.nativeHeap)}, held ${mib(least)}`]
  }
  const heaps = workers.map((worker) => said(worker))
  const isComplete = seen.ownHeap !== null && !heaps.includes(null) && workers.length === before.slots.length
  if (look.method.v8 !== 'verified' || !isComplete) return
  const [low, high] = [sum(heaps.map((heap) => heap.least)), sum(heaps.map((heap) => heap.most))]
  const heap = look.parts.v8Heap + look.parts.jit - seen.ownHeap
  if (heap < low - allowance(low))
    yield ['v8Heap is less than V8 says', `${mib(heap)}, ${mib(low)} to ${mib(high)}`]
  if (heap > high + allowance(high))
    yield ['v8Heap is more than V8 says', `${mib(heap)}, ${mib(low)} to ${mib(high)}`]
}

function* problemsOfThreads(seen, said) {
  const { look, before, after } = seen
  yield* problemsOfOther(seen, look.sharedParts.other)
  const bills = [look.shared, ...look.threads.map(({ rss }) => rss)]
  if (sum(bills) !== look.rss) yield ['the bills do not add up', `${sum(bills)} is not ${look.rss}`]
  if (sum(Object.values(look.sharedParts)) !== look.shared) {
    yield ['the shared parts do not add up', JSON.stringify(look.sharedParts)]
  }
  const workers = liveWorkers(before, after)
  for (const worker of workers) {
    const entry = look.threads.find(({ threadId }) => threadId === worker.threadId)
    if (entry) yield* problemsOfEntry(entry, worker, seen, said(worker))
    else yield ['a worker is missing', `thread ${worker.threadId}`]
  }
  const known = new Set([...before.slots, ...after.slots].map(({ threadId }) => threadId))
  for (const { kind, threadId, rss } of look.threads) {
    if (kind !== 'worker' || threadId === null || known.has(threadId) || seen.lookers.includes(threadId))
      continue
    yield ['a worker is there that has ended', `thread ${threadId} with ${mib(rss)}`]
  }
}

function* problemsOfEntry(entry, { threadId, held }, { look, deep }, heap) {
  const method = methodOf(entry, look)
  const name = `thread ${threadId}`
  if (heap && method.v8 === 'verified' && entry.v8Heap !== null) {
    const pages = entry.v8Heap + (entry.jit ?? 0)
    const text = `${name}: ${mib(pages)}, V8 said ${mib(heap.least)} to ${mib(heap.most)}`
    if (pages > heap.most + allowance(heap.most)) yield ["a worker's heap is more than V8 says", text]
    if (pages < heap.least - allowance(heap.least)) yield ["a worker's heap is less than V8 says", text]
  }
  if (method.malloc !== 'verified' || method.arenas !== 'verified') return
  // An arena that several threads use is in none of their bills.
  const inArenas = look.sharedParts.sharedArenas
  const small = held.small.least
  if (entry.nativeHeap < small - allowance(small) - inArenas) {
    yield [
      "a worker's small blocks are not on its bill",
      `${name}: ${mib(entry.nativeHeap)}, ${mib(small)} held`,
    ]
  }
  if (!deep || method.largeAllocations !== 'searched') return
  const own = sum(['buffers', 'wasm', 'allocated', 'small'].map((kind) => held[kind].least))
  if (entry.nativeHeap < own - allowance(own) - inArenas) {
    yield [
      "deep: a worker's buffers are not on its bill",
      `${name}: ${mib(entry.nativeHeap)}, ${mib(own)} held`,
    ]
  }
  const received = own + held.received.least
  if (entry.nativeHeap < received - allowance(received) - inArenas) {
    yield [
      'deep: buffers that a worker was given are not on its bill',
      `${name}: ${mib(entry.nativeHeap)}, ${mib(received)} held`,
    ]
  }
  const most = sum(OF_HEAPS.map((kind) => held[kind].most))
  if ((entry.arrayBuffers ?? 0) > most + allowance(most)) {
    yield [
      'deep: a worker has more buffers than it holds',
      `${name}: ${mib(entry.arrayBuffers)}, ${mib(most)} held`,
    ]
  }
}

/** There is one `method` for the whole look, and for each thread one that says more of its heap. */
function methodOf({ method }, look) {
  // An older version said nothing of single threads.
  return { ...look.method, ...(method && { v8: method.v8Heap }) }
}

/** What a look says less of than that it is verified. Buffers without `deep` are estimated always. */
export function reservationsOf(look) {
  const { v8, malloc, arenas } = look.method
  const said = Object.entries({ v8, malloc, arenas }).filter(([, value]) => value !== undefined)
  const threads = (look.parts ? [] : look.threads).filter(({ kind }) => kind !== 'runtime')
  // Who starts, or is about to end, is not on the registry, and V8 cannot be asked about it.
  said.push(
    ...threads.map(({ state, method }) => [
      `v8Heap of a thread${state === 'unregistered' ? ', unregistered' : ''}`,
      method?.v8Heap ?? v8,
    ]),
  )
  if (unsettled(look) > 0) said.push(['unsettled', 'above 0'])
  return said.filter(([, value]) => value !== 'verified').map((words) => words.join(': '))
}

/** Workers that were there before and after the look, with what they held meanwhile. */
function liveWorkers(before, after) {
  return before.slots.flatMap((first) => {
    const second = after.slots.find(({ index, life }) => index === first.index && life === first.life)
    if (!second || first.state !== LIVE || second.state !== LIVE) return []
    const turn = first.turn === second.turn && first.turn % 2 === 0 ? first.turn : null
    return [
      {
        index: first.index,
        life: first.life,
        threadId: first.threadId,
        turn,
        held: heldBetween(first, second),
      },
    ]
  })
}
