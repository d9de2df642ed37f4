/**
 * What the view draws. A panel's `read` says the value of each of its series; it is null where there is nothing to
 * tell, and a series that is missing has nothing to tell either.
 */

import { quantileOf } from "./quantile.js";
import { increaseOf, increasesOf, ratesOf, valuesOf } from "./span.js";
import { AT_ONCE, COUNT, PER_SECOND, SECONDS, SHARE } from "./units.js";

/**
 * @typedef {{before: import("./span.js").Look, now: import("./span.js").Look}} Span
 * @typedef {{title: string, tells: string, nothing: string, unit: {name: string, write: (value: number) => string},
 *   isStacked?: boolean, tones?: Record<string, string>,
 *   read: (span: Span) => Record<string, number | null> | null}} Panel
 *   `tones`: series whose colour says something, such as `{error: "bad"}`.
 */

const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 };
const OUTCOMES = ["ok", "refused", "cancelled", "error"];
const STAGES = ["embed", "search", "rerank", "quote", "prompt", "first_token", "generate"];
const isApi = ({ route }) => route.startsWith("/v1/");

/** @type {Panel[]} */
export const PANELS = [
  {
    title: "Time to first token",
    tells: "What users wait before the answer begins, all stages included. A p99 far above the p50: some questions wait behind others.",
    nothing: "No requests",
    unit: SECONDS,
    read(span) {
      const entries = Object.entries(QUANTILES).map(([name, q]) => [name, quantileOf(span, q, "rag_time_to_first_token_seconds")]);
      return Object.fromEntries(entries);
    },
  },
  {
    title: "Time by stage",
    tells: "Seconds that each stage takes in one second, so how many answers are in it. The widest band is where to look first.",
    nothing: "No requests",
    unit: AT_ONCE,
    isStacked: true,
    read(span) {
      const rates = ratesOf(span, "rag_stage_duration_seconds_sum", { by: "stage" });
      const total = [...rates.values()].reduce((sum, rate) => sum + rate, 0);
      return total > 0 ? inOrder(STAGES, rates) : null;
    },
  },
  {
    title: "Requests by outcome",
    tells: "Of the API. error: a 5xx, a 429 or a stream that broke; refused: another 4xx; cancelled: the client left.",
    nothing: "No requests",
    unit: PER_SECOND,
    isStacked: true,
    tones: { error: "bad", cancelled: "quiet" },
    read(span) {
      const isQuiet = increaseOf(span, "rag_requests_total", isApi) === 0;
      return isQuiet ? null : inOrder(OUTCOMES, ratesOf(span, "rag_requests_total", { by: "outcome", where: isApi }));
    },
  },
  {
    title: "Requests in flight",
    tells: "Not yet answered to the end. It climbs when answers come slower than questions.",
    nothing: "Not told",
    unit: COUNT,
    read: ({ now }) => mapped(valuesOf(now, "rag_inflight_requests"), (_, value) => ["in flight", value]),
  },
  {
    title: "How full the gates are",
    tells: "Calls inside or waiting, of those that the gate holds. At 100 % the next one is refused with a 429.",
    nothing: "No gates",
    unit: SHARE,
    read({ now }) {
      const capacities = valuesOf(now, "rag_gate_capacity", { by: "gate" });
      return mapped(valuesOf(now, "rag_gate_depth", { by: "gate" }), (gate, depth) => [gate, depth / capacities.get(gate)]);
    },
  },
  {
    title: "Refusals",
    tells: "“The documents do not say”, as a share of all answers. It rises when questions leave the topic or documents are missing.",
    nothing: "No answers",
    unit: SHARE,
    read(span) {
      const answers = increasesOf(span, "rag_answers_total", { by: "mode" });
      const total = [...answers.values()].reduce((sum, count) => sum + count, 0);
      return total > 0 ? { refused: (answers.get("refused") ?? 0) / total } : null;
    },
  },
  {
    title: "Documents on their way",
    tells: "Of those that you may see. The worker’s own metrics are at a port that a page cannot reach: the Ingestion dashboard has them.",
    nothing: "Not told",
    unit: COUNT,
    tones: { rejected: "bad" },
    read: ({ now }) => now.documents,
  },
];

function inOrder(names, values) {
  return Object.fromEntries(names.filter((name) => values.has(name)).map((name) => [name.replaceAll("_", " "), values.get(name)]));
}

function mapped(values, change) {
  return values.size > 0 ? Object.fromEntries([...values].map(([key, value]) => change(key, value))) : null;
}
