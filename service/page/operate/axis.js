/** Round tick values for an axis that starts at 0. */

const STEPS = 4;
const ROUND_FACTORS = [1, 2, 2.5, 5, 10];

/**
 * Return ascending ticks from 0; the last one is at least `maximum`.
 * @param {number} maximum
 */
export function ticksUpTo(maximum) {
  const exactStep = (maximum || 1) / STEPS;
  const magnitude = 10 ** Math.floor(Math.log10(exactStep));
  const factor = ROUND_FACTORS.find((candidate) => candidate * magnitude >= exactStep * (1 - 1e-9)) ?? 10;
  return Array.from({ length: STEPS + 1 }, (_, index) => index * magnitude * factor);
}
