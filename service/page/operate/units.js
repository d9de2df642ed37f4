/** Units of the graphs: a name, and a function that formats a value. */

import { formatMilliseconds } from "../waterfall.js";

/** @typedef {{name: string, format: (value: number) => string}} Unit */

/** @type {Unit} */
export const SECONDS = {
  name: "seconds",
  format: (value) => (value === 0 || value >= 1 ? `${formatShort(value)} s` : formatMilliseconds(value)),
};
/** @type {Unit} */
export const PER_SECOND = { name: "per second", format: (value) => `${formatShort(value)} /s` };
/** @type {Unit} */
export const SHARE = { name: "share", format: (value) => `${formatShort(value * 100)} %` };
/** @type {Unit} */
export const COUNT = { name: "number", format: formatShort };
/** @type {Unit} */
export const PARALLEL_ANSWERS = { name: "answers in parallel", format: formatShort };

/**
 * Format a number with about three significant digits.
 * @param {number} value
 */
function formatShort(value) {
  const places = value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString("en", { maximumFractionDigits: value < 1 ? 3 : places });
}
