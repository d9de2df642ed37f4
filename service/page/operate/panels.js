/**
 * The panels of the view. A panel's `read` returns the value of each of its series, or null without data; a series
 * without data is left out.
 */

import { quantileOf } from "./quantile.js";
import { increaseOf, increasesOf, ratesOf, valuesOf } from "./snapshots.js";
import { COUNT, PARALLEL_ANSWERS, PER_SECOND, SECONDS, SHARE } from "./units.js";

/**
 * @typedef {import("./snapshots.js").Span} Span
 * @typedef {Record<string, number | null>} Reading
 * @typedef {{title: string, description: string, emptyText: string, unit: import("./units.js").Unit,
 *   isStacked?: boolean, tones?: Record<string, string>, read: (span: Span) => Reading | null}} Panel
 *   `tones`: series with a fixed colour, such as `{error: "bad"}`.
 */

const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 };
const OUTCOMES = ["ok", "invalid", "cancelled", "abandoned", "overloaded", "error"];
const STAGES = ["rewrite", "plan", "embed", "search", "rerank", "grade", "quote", "prompt", "first_token", "generate"];

/** @type {import("./snapshots.js").LabelFilter} */
const isApi = ({ route }) => route.startsWith("/v1/");

/** @type {Panel[]} */
export const PANELS = [
  {
    title: "Time to first token",
    description: "Time until the answer begins, all stages included. If p99 is far above p50, some questions wait for others.",
    emptyText: "No requests",
    unit: SECONDS,
    read(span) {
      const entries = Object.entries(QUANTILES).map(([name, q]) => [name, quantileOf(span, q, "rag_time_to_first_token_seconds")]);
      return Object.fromEntries(entries);
    },
  },
  {
    title: "Time by stage",
    description: "Seconds spent in each stage per second, which is the number of answers in that stage. Start with the widest band.",
    emptyText: "No requests",
    unit: PARALLEL_ANSWERS,
    isStacked: true,
    read(span) {
      const rates = ratesOf(span, "rag_stage_duration_seconds_sum", { by: "stage" });
      const total = [...rates.values()].reduce((sum, rate) => sum + rate, 0);
      return total > 0 ? inOrder(STAGES, rates) : null;
    },
  },
  {
    title: "Requests by outcome",
    description: "API requests. error: 5xx or a broken stream; overloaded: 429; invalid: another 4xx; abandoned: the reader gave up waiting; cancelled: the reader left early or with a part.",
    emptyText: "No requests",
    unit: PER_SECOND,
    isStacked: true,
    tones: { error: "bad", cancelled: "quiet" },
    read(span) {
      const isIdle = increaseOf(span, "rag_requests_total", isApi) === 0;
      return isIdle ? null : inOrder(OUTCOMES, ratesOf(span, "rag_requests_total", { by: "outcome", where: isApi }));
    },
  },
  {
    title: "Requests in flight",
    description: "Requests whose response is not complete. The number climbs if requests arrive faster than they are answered.",
    emptyText: "No data",
    unit: COUNT,
    read: ({ now }) => mapEntries(valuesOf(now, "rag_inflight_requests"), (_, value) => ["in flight", value]),
  },
  {
    title: "Gate utilisation",
    description: "Calls that run or wait, as a share of what the gate admits. At 100 % the next call gets a 429.",
    emptyText: "No gates",
    unit: SHARE,
    read({ now }) {
      const capacities = valuesOf(now, "rag_gate_capacity", { by: "gate" });
      const depths = valuesOf(now, "rag_gate_depth", { by: "gate" });
      return mapEntries(depths, (gate, depth) => [gate, depth / (capacities.get(gate) ?? NaN)]);
    },
  },
  {
    title: "Declined and unsure answers",
    description: "Answers without a close passage, and quotes that may not answer, as shares of all answers. Both rise with off-topic questions or missing documents.",
    emptyText: "No answers",
    unit: SHARE,
    read(span) {
      const answers = increasesOf(span, "rag_answers_total", { by: "mode" });
      const total = [...answers.values()].reduce((sum, count) => sum + count, 0);
      if (total === 0) return null;
      const unsure = increaseOf(span, "rag_unsure_answers_total");
      return { declined: (answers.get("declined") ?? 0) / total, unsure: unsure / total };
    },
  },
  {
    title: "Documents in progress",
    description: "Documents that you may read. The worker’s own metrics are on another port; see the Grafana dashboard Ingestion.",
    emptyText: "No data",
    unit: COUNT,
    tones: { rejected: "bad" },
    read: ({ now }) => now.documents,
  },
];

/**
 * @param {string[]} names
 * @param {Map<string, number>} values
 * @returns {Reading}
 */
function inOrder(names, values) {
  const present = names.filter((name) => values.has(name));
  return Object.fromEntries(present.map((name) => [name.replaceAll("_", " "), values.get(name) ?? null]));
}

/**
 * @param {Map<string, number>} values
 * @param {(key: string, value: number) => [string, number]} change
 * @returns {Reading | null}
 */
function mapEntries(values, change) {
  return values.size > 0 ? Object.fromEntries([...values].map(([key, value]) => change(key, value))) : null;
}
