/** Snapshots of the metrics, and the changes between two of them. */

/**
 * @typedef {import("./prometheus_text.js").Sample} Sample
 * @typedef {{at: number, samples: import("./prometheus_text.js").Samples, documents: Record<string, number> | null}} Snapshot
 *   `at`: milliseconds; `documents`: documents per state, or null if the user may not list them.
 * @typedef {{before: Snapshot, now: Snapshot}} Span
 * @typedef {(labels: Record<string, string>) => boolean} LabelFilter
 * @typedef {{by?: string, where?: LabelFilter}} Grouping `by`: the label to sum by; without it, the only key is "".
 */

const ALL = () => true;

/**
 * Return the values of one metric, summed by a label.
 * @param {Snapshot} snapshot
 * @param {string} name
 * @param {Grouping} [grouping]
 */
export function valuesOf(snapshot, name, grouping = {}) {
  return sumByGroup(snapshot.samples.get(name) ?? new Map(), ({ value }) => value, grouping);
}

/**
 * Return the increases of a counter between two snapshots, summed by a label.
 * @param {Span} span
 * @param {string} name
 * @param {Grouping} [grouping]
 */
export function increasesOf({ before, now }, name, grouping = {}) {
  const earlier = before.samples.get(name) ?? new Map();
  /**
   * @param {Sample} sample
   * @param {string} key
   */
  const increase = ({ value }, key) => {
    const start = earlier.get(key)?.value ?? 0;
    // A lower value means that the counter was reset to 0.
    return value < start ? value : value - start;
  };
  return sumByGroup(now.samples.get(name) ?? new Map(), increase, grouping);
}

/**
 * Return the total increase of a counter between two snapshots.
 * @param {Span} span
 * @param {string} name
 * @param {LabelFilter} [where]
 */
export function increaseOf(span, name, where = ALL) {
  return increasesOf(span, name, { where }).get("") ?? 0;
}

/**
 * Return the increases of a counter per second, summed by a label.
 * @param {Span} span
 * @param {string} name
 * @param {Grouping} [grouping]
 */
export function ratesOf(span, name, grouping) {
  const seconds = (span.now.at - span.before.at) / 1000;
  return new Map([...increasesOf(span, name, grouping)].map(([key, increase]) => [key, increase / seconds]));
}

/**
 * @param {Map<string, Sample>} samples
 * @param {(sample: Sample, key: string) => number} valueOf
 * @param {Grouping} grouping
 */
function sumByGroup(samples, valueOf, { by, where = ALL }) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const [key, sample] of samples) {
    if (!where(sample.labels)) continue;
    const group = by === undefined ? "" : sample.labels[by];
    sums.set(group, (sums.get(group) ?? 0) + valueOf(sample, key));
  }
  return sums;
}
