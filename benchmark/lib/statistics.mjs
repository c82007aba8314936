/** The middle one; of an even number, the mean of the two in the middle. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** How many times `a` is as large as `b`: one ratio per round, so that slow drift of the machine cancels. */
export function ratio(a, b) {
  const ratios = a.map((value, round) => value / b[round])
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) }
}
