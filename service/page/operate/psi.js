/** How far questions are from those of the reference: the population stability index of each feature. */

const OBSERVATIONS = "rag_drift_observations_total";
const REFERENCE_RATIO = "rag_drift_reference_ratio";
const REFERENCE_QUESTIONS = "rag_drift_reference_questions";
// Of a bin that one side lacks, as in service/drift.
const FLOOR = 0.001;
// With fewer in a bin on average, chance is no chi-squared: with 5 in each of ten it passes the mark in 4 % of windows.
const LEAST_IN_A_BIN = 20;
const Z_999 = 3.09;

/**
 * Of everything that the process has counted against its present reference.
 * `chance`: what a feature passes once or twice in a thousand times although nothing changed, and one or another of
 * eleven features in one look of fifty.
 * @param {import("./span.js").Look} look
 * @returns {{feature: string, psi: number, chance: number, questions: number, least: number}[]} Empty without a reference.
 */
export function psiByFeature({ samples }) {
  const sizes = samples.get(REFERENCE_QUESTIONS) ?? new Map();
  return [...sizes.values()].map(({ labels: { feature, reference }, value: size }) => {
    const isOurs = ({ labels }) => labels.feature === feature && labels.reference === reference;
    const expected = byBin(samples.get(REFERENCE_RATIO), isOurs);
    const counts = byBin(samples.get(OBSERVATIONS), isOurs);
    const questions = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const chance = chiSquared999(expected.size - 1) * (1 / questions + 1 / size);
    return { feature, psi: psi(counts, questions, expected), chance, questions, least: LEAST_IN_A_BIN * expected.size };
  });
}

function psi(counts, questions, expected) {
  let sum = 0;
  for (const [bin, ratio] of expected) {
    const [a, e] = [(counts.get(bin) ?? 0) / questions, ratio].map((share) => Math.max(share, FLOOR));
    sum += (a - e) * Math.log(a / e);
  }
  return sum;
}

function byBin(samples = new Map(), isOurs) {
  return new Map([...samples.values()].filter(isOurs).map(({ labels, value }) => [labels.bin, value]));
}

/** Wilson and Hilferty's approximation of its 99.9 % quantile. */
function chiSquared999(degrees) {
  const share = 2 / (9 * degrees);
  return degrees * (1 - share + Z_999 * Math.sqrt(share)) ** 3;
}
