/** A parser for Prometheus's text format. Comments, timestamps and exemplars are ignored. */

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
/** @type {Record<string, number>} */
const INFINITIES = { "+Inf": Infinity, "-Inf": -Infinity };
/** @type {Record<string, string>} */
const ESCAPES = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/**
 * @typedef {{labels: Record<string, string>, value: number}} Sample
 * @typedef {Map<string, Map<string, Sample>>} Samples By metric name, then by the label text.
 */

/**
 * @param {string} text
 * @returns {Samples}
 */
export function parse(text) {
  /** @type {Samples} */
  const samples = new Map();
  for (const line of text.split("\n")) {
    const match = line.match(SAMPLE);
    if (!match) continue;
    const [, name, labels = "", value] = match;
    const ofMetric = samples.get(name) ?? new Map();
    ofMetric.set(labels, { labels: parseLabels(labels), value: INFINITIES[value] ?? Number(value) });
    samples.set(name, ofMetric);
  }
  return samples;
}

/**
 * @param {string} text
 * @returns {Record<string, string>}
 */
function parseLabels(text) {
  const pairs = [...text.matchAll(LABEL)].map(([, name, value]) => [name, value.replace(/\\./g, (escape) => ESCAPES[escape] ?? escape)]);
  return Object.fromEntries(pairs);
}
