/** Prometheus's text format. Comments, timestamps and exemplars are passed over. */

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const SPECIAL = { "+Inf": Infinity, "-Inf": -Infinity };
const ESCAPED = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/**
 * @typedef {{labels: Record<string, string>, value: number}} Sample
 * @typedef {Map<string, Map<string, Sample>>} Samples By the metric's name, then by the labels as they were written.
 */

/** @returns {Samples} */
export function parse(text) {
  const samples = new Map();
  for (const line of text.split("\n")) {
    const found = line.match(SAMPLE);
    if (found) put(samples, found);
  }
  return samples;
}

function put(samples, [, name, labels = "", value]) {
  if (!samples.has(name)) samples.set(name, new Map());
  samples.get(name).set(labels, { labels: labelsIn(labels), value: SPECIAL[value] ?? Number(value) });
}

function labelsIn(text) {
  const pairs = [...text.matchAll(LABEL)].map(([, name, value]) => [name, value.replace(/\\./g, (sign) => ESCAPED[sign] ?? sign)]);
  return Object.fromEntries(pairs);
}
