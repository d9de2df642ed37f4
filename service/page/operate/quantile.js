/** Quantiles of a histogram, computed like Prometheus's `histogram_quantile`. */

import { increasesOf } from "./snapshots.js";

/**
 * Return a quantile of the observations between two snapshots, or null without observations.
 * @param {import("./snapshots.js").Span} span
 * @param {number} q
 * @param {string} histogram The metric's name without `_bucket`.
 */
export function quantileOf(span, q, histogram) {
  const increases = increasesOf(span, `${histogram}_bucket`, { by: "le" });
  return quantile(q, [...increases].map(([le, count]) => [le === "+Inf" ? Infinity : Number(le), count]));
}

/**
 * Interpolate linearly within a bucket; in the last bucket, return its lower bound.
 * @param {number} q
 * @param {[number, number][]} buckets Upper bounds with cumulative counts, ascending; the last bound is Infinity.
 */
export function quantile(q, buckets) {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return null;
  const rank = q * total;
  const index = buckets.findIndex(([, count]) => count >= rank);
  const [start, below] = index > 0 ? buckets[index - 1] : [0, 0];
  if (index === buckets.length - 1) return start;
  const [end, count] = buckets[index];
  return start + (end - start) * ((rank - below) / (count - below));
}
