// How figures become texts and bars.

/** What a path such as "breakdown.swap" leads to. */
export function at(source, path) {
  return path.split('.').reduce((value, key) => value?.[key], source)
}

/** What nobody could measure is unknown, never 0. */
export function textOf(value, unit) {
  if (value === null || value === undefined) return 'unknown'
  if (typeof value === 'number') return [Math.round(value).toLocaleString('en'), unit].join(' ').trim()
  return value.readable ?? value
}

/** NaN where it is not known. */
export function percent(share) {
  if (Number.isNaN(share)) return 'unknown'
  if (share === 0) return '0 %'
  if (share < 0.0005) return '< 0.1 %'
  return `${(share * 100).toFixed(1)} %`
}

const AGES = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'min', ms: 60_000 },
  { unit: 's', ms: 1000 },
]

/** In the largest unit of which there is one, rounded down: nothing is older than it is. */
export function ageText(ms) {
  const { unit, ms: unitMs } = AGES.find((age) => ms >= age.ms) ?? AGES.at(-1)
  return `${Math.floor(ms / unitMs)} ${unit}`
}

/** The width of a bar. There is none where the share is 0 or not known. */
export function setShare(element, share) {
  element.style.setProperty('--share', Number.isNaN(share) ? 0 : share)
  element.classList.toggle('absent', !(share > 0))
}

/** Leaves a text alone that is right already: selections last, and screen readers do not hear it twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}
