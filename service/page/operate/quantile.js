/** Quantiles of a histogram, as Prometheus's `histogram_quantile` has them. */

import { increasesOf } from "./span.js";

/** Of what was observed between two looks; null where that is nothing. */
export function quantileOf(span, q, histogram) {
  const increases = increasesOf(span, `${histogram}_bucket`, { by: "le" });
  return quantile(q, [...increases].map(([le, count]) => [le === "+Inf" ? Infinity : Number(le), count]));
}

/**
 * Linear within its bucket; above the last boundary, that boundary.
 * @param {[number, number][]} buckets Upper bound and how many are not above it, ascending; the last bound is Infinity.
 */
export function quantile(q, buckets) {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return null;
  const rank = q * total;
  const index = buckets.findIndex(([, count]) => count >= rank);
  if (index === buckets.length - 1) return buckets.at(-2)[0];
  const [start, below] = index > 0 ? buckets[index - 1] : [0, 0];
  const [end, count] = buckets[index];
  return start + (end - start) * ((rank - below) / (count - below));
}
