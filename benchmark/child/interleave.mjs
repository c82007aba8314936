/**
 * Measures all contenders in one run. Each round goes through them in order and then in reverse and keeps the mean
 * of the two slices, so that a machine that gets slower or faster meanwhile does so for all of them alike.
 * Gives one figure per round, by name.
 */
export async function interleave(contenders, rounds) {
  const names = Object.keys(contenders)
  const samples = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const there = await measureAll(names, contenders)
    const back = await measureAll(names.toReversed(), contenders)
    for (const name of names) samples[name].push((there[name] + back[name]) / 2)
  }
  return samples
}

async function measureAll(names, contenders) {
  const nanoseconds = {}
  for (const name of names) nanoseconds[name] = await contenders[name]()
  return nanoseconds
}
