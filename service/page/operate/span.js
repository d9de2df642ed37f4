/** What the metrics say at one look, and what happened between two. */

/**
 * @typedef {{at: number, samples: import("./exposition.js").Samples, documents: Record<string, number> | null}} Look
 *   `at` in milliseconds; `documents`: how many are in which state, or null where nobody may know.
 * @typedef {(labels: Record<string, string>) => boolean} Where
 */

const ALL = () => true;

/**
 * Values of one metric, summed by one label; without a label, all under "".
 * @param {Look} look
 * @param {{by?: string, where?: Where}} options
 * @returns {Map<string, number>}
 */
export function valuesOf(look, name, options = {}) {
  return summed(look.samples.get(name) ?? new Map(), ({ value }) => value, options);
}

/**
 * By how much counters grew from one look to the next, summed like `valuesOf`.
 * @param {{before: Look, now: Look}} span
 * @returns {Map<string, number>}
 */
export function increasesOf({ before, now }, name, options = {}) {
  const earlier = before.samples.get(name) ?? new Map();
  const growth = ({ value }, key) => {
    const from = earlier.get(key)?.value ?? 0;
    // Below what it was, it began anew at 0.
    return value < from ? value : value - from;
  };
  return summed(now.samples.get(name) ?? new Map(), growth, options);
}

/** The same in one number. */
export function increaseOf(span, name, where = ALL) {
  return increasesOf(span, name, { where }).get("") ?? 0;
}

/** For each second. */
export function ratesOf(span, name, options) {
  const seconds = (span.now.at - span.before.at) / 1000;
  return new Map([...increasesOf(span, name, options)].map(([key, growth]) => [key, growth / seconds]));
}

function summed(samples, valueOf, { by = null, where = ALL }) {
  const sums = new Map();
  for (const [key, sample] of samples) {
    if (!where(sample.labels)) continue;
    const group = by === null ? "" : sample.labels[by];
    sums.set(group, (sums.get(group) ?? 0) + valueOf(sample, key));
  }
  return sums;
}
