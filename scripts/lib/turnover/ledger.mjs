// What the workers of scripts/soak-turnover.mjs say they hold, in shared memory, so that a look can be judged whatever
// they are doing at that moment.
//
// Each kind of memory has four counters that only grow. `begun` is raised before memory is taken and `made` after,
// `dropping` before it is given back and `gone` after. Between two readings a worker then held at any moment at least
// what was made before the first and not yet being dropped at the second, and at most what was begun by the second and
// not gone at the first, however often it changed in between.

export const KINDS = [
  'objects',
  'buffers',
  'received',
  'small',
  'blocks',
  'foreign',
  'shared',
  'wasm',
  'allocated',
]
const STEPS = ['begun', 'made', 'dropping', 'gone']
const COUNTERS = KINDS.length * STEPS.length

/** Words before the counters of a slot. */
const [STATE, LIFE, THREAD, TURN, HEARTBEATS] = [0, 1, 2, 3, 4]
const HEAD = 5
/** What V8 said in the last turns: the turn, the least and the most. */
const TURNS_KEPT = 16
const TURNS = HEAD + COUNTERS
const SLOT_WORDS = TURNS + TURNS_KEPT * 3

/** No worker; one that works and whose words count; one that starts or ends, and is not judged. */
export const [EMPTY, LIVE, PASSING] = [0, 1, 2]

/** All slots. The last one adds up all workers that ever were. */
export class Ledger {
  #words

  constructor(memory) {
    this.memory = memory
    this.#words = new BigInt64Array(memory)
  }

  static ofSize(slots) {
    return new Ledger(new SharedArrayBuffer((slots + 1) * SLOT_WORDS * 8))
  }

  get #slots() {
    return this.#words.length / SLOT_WORDS - 1
  }

  slot(index) {
    return new Slot(this.#words, index * SLOT_WORDS, this.#slots * SLOT_WORDS)
  }

  /** A slot that no worker has. */
  freeSlot() {
    for (let index = 0; index < this.#slots; index++) {
      if (this.slot(index).state === EMPTY) return index
    }
    throw new Error('more workers than slots')
  }

  /** Everything at one moment. */
  read() {
    const slots = []
    for (let index = 0; index < this.#slots; index++) {
      const slot = this.slot(index)
      if (slot.state !== EMPTY) slots.push({ index, ...slot.read() })
    }
    return { slots, all: this.slot(this.#slots).read() }
  }
}

/** The place of one worker. */
class Slot {
  #words
  #start
  #all

  constructor(words, start, all) {
    this.#words = words
    this.#start = start
    this.#all = all
  }

  #get(word) {
    return Number(Atomics.load(this.#words, this.#start + word))
  }

  #set(word, value) {
    Atomics.store(this.#words, this.#start + word, BigInt(Math.round(value)))
  }

  get state() {
    return this.#get(STATE)
  }

  set state(state) {
    this.#set(STATE, state)
  }

  set threadId(threadId) {
    this.#set(THREAD, threadId)
  }

  /** How many workers have had this slot. */
  get life() {
    return this.#get(LIFE)
  }

  get turn() {
    return this.#get(TURN)
  }

  get heartbeats() {
    return this.#get(HEARTBEATS)
  }

  /** A new worker has this slot. */
  enter(threadId) {
    for (let word = HEAD; word < SLOT_WORDS; word++) this.#set(word, 0)
    this.#set(TURN, 0)
    this.#set(LIFE, this.#get(LIFE) + 1)
    this.threadId = threadId
    this.state = LIVE
  }

  /** The worker has ended: whatever it held is gone. */
  leave() {
    for (const [kind, counters] of Object.entries(this.read().kinds)) {
      for (const step of STEPS.slice(1)) this.count(step, kind, counters.begun - counters[step])
    }
    this.state = EMPTY
  }

  /** Raises one of the four counters of a kind. */
  count(step, kind, bytes) {
    const word = HEAD + KINDS.indexOf(kind) * STEPS.length + STEPS.indexOf(step)
    for (const start of [this.#start, this.#all]) Atomics.add(this.#words, start + word, BigInt(bytes))
  }

  /** The worker is about to change something (odd), or is done and rests (even). */
  nextTurn() {
    const turn = this.turn + 1
    const place = TURNS + (turn % TURNS_KEPT) * 3
    this.#set(place + 1, 0)
    this.#set(place + 2, 0)
    this.#set(place, turn)
    this.#set(TURN, turn)
  }

  /**
   * V8's own words for the heap's pages: how many are in memory, and how many it has. It believes a page to be in memory
   * as far as it was in use since it took it last: more than that may be.
   */
  say(physical, committed) {
    const place = TURNS + (this.turn % TURNS_KEPT) * 3
    const least = this.#get(place + 1)
    this.#set(place + 1, least === 0 ? physical : Math.min(least, physical))
    this.#set(place + 2, Math.max(this.#get(place + 2), committed))
    this.#set(HEARTBEATS, this.#get(HEARTBEATS) + 1)
  }

  /** The least and the most that V8 said during a turn; null when that is forgotten. */
  saidIn(turn) {
    const place = TURNS + (turn % TURNS_KEPT) * 3
    if (this.#get(place) !== turn || this.#get(place + 1) === 0) return null
    return { least: this.#get(place + 1), most: this.#get(place + 2) }
  }

  read() {
    const kinds = {}
    KINDS.forEach((kind, index) => {
      const [begun, made, dropping, gone] = STEPS.map((_, step) =>
        this.#get(HEAD + index * STEPS.length + step),
      )
      kinds[kind] = { begun, made, dropping, gone }
    })
    const [life, threadId] = [this.#get(LIFE), this.#get(THREAD)]
    return { state: this.state, life, threadId, turn: this.turn, heartbeats: this.heartbeats, kinds }
  }
}

/** The least and the most that was held of each kind at any moment between two readings. */
export function heldBetween(before, after) {
  return Object.fromEntries(
    KINDS.map((kind) => {
      const [first, second] = [before.kinds[kind], after.kinds[kind]]
      const least = Math.max(0, first.made - second.dropping)
      return [kind, { least, most: Math.max(least, second.begun - first.gone) }]
    }),
  )
}

/** Bytes that may have been taken or given back between two readings, with all that starting and ending workers hold. */
export function movedBetween(before, after) {
  let moved = 0
  for (const kind of KINDS) {
    const [first, second] = [before.all.kinds[kind], after.all.kinds[kind]]
    moved += second.begun - first.made + second.dropping - first.gone
  }
  for (const { state, kinds } of [...before.slots, ...after.slots]) {
    if (state !== PASSING) continue
    for (const { begun, gone } of Object.values(kinds)) moved += begun - gone
  }
  return moved
}
