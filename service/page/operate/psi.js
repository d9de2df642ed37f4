/** The population stability index (PSI) of each feature: how far recent questions are from the reference. */

const OBSERVATIONS = "rag_drift_observations_total";
const REFERENCE_RATIO = "rag_drift_reference_ratio";
const REFERENCE_QUESTIONS = "rag_drift_reference_questions";
// The share of an empty bin, as in service/drift; PSI is not defined for 0.
const MIN_SHARE = 0.001;
// With fewer questions per bin, the chi-squared approximation is poor: with 5 in each of ten bins, 4 % of windows
// without drift exceed the mark.
const QUESTIONS_PER_BIN = 20;
const Z_999 = 3.09;

/**
 * @typedef {import("./prometheus_text.js").Sample} Sample
 * @typedef {{feature: string, psi: number, chance: number, questions: number, required: number}} FeaturePsi
 *   `chance`: the 99.9 % quantile without drift. With eleven features, about one snapshot in fifty has a feature above
 *   it by chance. `required`: the number of questions below which PSI says nothing.
 */

/**
 * Compute PSI over all questions since the process started; the result is empty without a reference.
 * @param {import("./snapshots.js").Snapshot} snapshot
 * @returns {FeaturePsi[]}
 */
export function psiByFeature({ samples }) {
  const sizes = [...(samples.get(REFERENCE_QUESTIONS)?.values() ?? [])];
  return sizes.map(({ labels: { feature, reference }, value: size }) => {
    /** @param {Sample} sample */
    const isCurrent = ({ labels }) => labels.feature === feature && labels.reference === reference;
    const expected = valuesByBin(samples.get(REFERENCE_RATIO), isCurrent);
    const counts = valuesByBin(samples.get(OBSERVATIONS), isCurrent);
    const questions = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const chance = chiSquared999(expected.size - 1) * (1 / questions + 1 / size);
    return { feature, psi: psi(counts, questions, expected), chance, questions, required: QUESTIONS_PER_BIN * expected.size };
  });
}

/**
 * @param {Map<string, number>} counts
 * @param {number} questions
 * @param {Map<string, number>} expected The reference's share per bin.
 */
function psi(counts, questions, expected) {
  let sum = 0;
  for (const [bin, share] of expected) {
    const actual = Math.max((counts.get(bin) ?? 0) / questions, MIN_SHARE);
    const reference = Math.max(share, MIN_SHARE);
    sum += (actual - reference) * Math.log(actual / reference);
  }
  return sum;
}

/**
 * @param {Map<string, Sample> | undefined} samples
 * @param {(sample: Sample) => boolean} isIncluded
 * @returns {Map<string, number>}
 */
function valuesByBin(samples = new Map(), isIncluded) {
  return new Map([...samples.values()].filter(isIncluded).map(({ labels, value }) => [labels.bin, value]));
}

/**
 * Return the 99.9 % quantile of the chi-squared distribution, by Wilson and Hilferty's approximation.
 * @param {number} degrees
 */
function chiSquared999(degrees) {
  const share = 2 / (9 * degrees);
  return degrees * (1 - share + Z_999 * Math.sqrt(share)) ** 3;
}
