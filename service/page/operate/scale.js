/** Round numbers for an axis that begins at 0. */

const STEPS = 4;
const ROUND = [1, 2, 2.5, 5, 10];

/** Ascending from 0; the last one is not below `highest`. */
export function ticksUpTo(highest) {
  const rough = (highest || 1) / STEPS;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = magnitude * ROUND.find((factor) => factor * magnitude >= rough * (1 - 1e-9));
  return Array.from({ length: STEPS + 1 }, (_, index) => index * step);
}
