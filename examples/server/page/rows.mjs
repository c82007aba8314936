// Tables whose rows come and go: each row is made from a template and kept as long as what it tells of, so that neither
// a selection nor the focus is lost.

import { at, percent, setShare, setText, textOf } from './figures.mjs'

export class Rows {
  #body
  #template
  /** By the key of what each tells of. */
  #rows = new Map()

  constructor(bodyId, templateId) {
    this.#body = document.getElementById(bodyId)
    this.#template = document.getElementById(templateId).content.firstElementChild
  }

  /**
   * Gives the row of each of these in their order, and drops all others. `items` is a Map by key; `prepare(row, item)`
   * is called for a row that is new.
   */
  arrange(items, prepare) {
    for (const [key, row] of this.#rows) {
      if (items.has(key)) continue
      row.remove()
      this.#rows.delete(key)
    }
    return [...items].map(([key, item], index) => {
      const row = this.#rows.get(key) ?? this.#newRow(key, item, prepare)
      const there = this.#body.children[index] ?? null
      if (there !== row) this.#body.insertBefore(row, there) // a row that is moved loses the focus
      return row
    })
  }

  #newRow(key, item, prepare) {
    const row = this.#template.cloneNode(true)
    this.#rows.set(key, row)
    prepare(row, item)
    return row
  }
}

export function drawTexts(row, source) {
  for (const cell of row.querySelectorAll('[data-of]')) setText(cell, textOf(source[cell.dataset.of]))
}

/** Its bars and shares, of all that is resident. */
export function drawShares(row, source, rss) {
  const shareOf = (path) => (at(source, path)?.bytes ?? Number.NaN) / rss
  for (const slice of row.querySelectorAll('[data-slice]')) setShare(slice, shareOf(slice.dataset.slice))
  for (const cell of row.querySelectorAll('[data-share-of]')) {
    setText(cell, percent(shareOf(cell.dataset.shareOf)))
  }
}
