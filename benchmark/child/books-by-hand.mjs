/** The least that keeps books: a buffer counts once, under its label, with its size and its age. */
export class BooksByHand {
  #known = new WeakSet()
  #labels = new Map()
  #registry = new FinalizationRegistry(({ label, bytes }) => this.#add(label, -1, -bytes))

  track(buffer, label) {
    if (this.#known.has(buffer)) return buffer
    this.#known.add(buffer)
    const bytes = buffer.byteLength
    this.#add(label, 1, bytes)
    this.#registry.register(buffer, { label, bytes, since: performance.now() })
    return buffer
  }

  #add(label, count, bytes) {
    const books = this.#labels.get(label) ?? { count: 0, bytes: 0 }
    books.count += count
    books.bytes += bytes
    this.#labels.set(label, books)
  }
}
