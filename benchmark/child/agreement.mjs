// A contender that fails fast would look fast.

const TOLERANCE_BYTES = 32 * 1024 * 1024

/** Throws unless all figures, by name, say roughly the same. */
export function requireAgreement(figures) {
  const values = Object.values(figures)
  const spread = Math.max(...values) - Math.min(...values)
  if (!(spread <= TOLERANCE_BYTES)) {
    throw new Error(`not worth timing, the contenders disagree: ${JSON.stringify(figures, null, 2)}`)
  }
}
