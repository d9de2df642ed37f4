/** The details of an answer for operators: its stages, and the candidates, what happened to each, and the prompt. */

import { explainAnswer, messageOf } from "./api.js";
import { instantiate } from "./dom.js";
import { formatHeadingPath } from "./heading_path.js";
import { formatCount } from "./plural.js";
import { drawWaterfall, formatMilliseconds } from "./waterfall.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").Candidate} Candidate
 * @typedef {import("./api.js").Explanation} Explanation
 */

/** @type {Record<string, string>} */
const FATES = {
  taken: "selected",
  beyond_limit: "ranked too low",
  repeats: "repeats a better passage",
  document_has_its_share: "document limit reached",
};

/** @type {Record<string, string>} */
const CHECKS = {
  checked: ", checked against the quotes",
  agentic: " in steps, and checked against its sources",
};

/**
 * Create a closed section that loads the explanation when it is opened for the first time.
 * @param {Answer} answer
 */
export function createDetails(answer) {
  const view = instantiate("details");
  drawWaterfall(view.waterfall, answer.timings);
  view.usage.textContent = formatUsage(answer);
  view.element.addEventListener("toggle", load, { once: true });

  async function load() {
    try {
      show(await explainAnswer(answer.id));
    } catch (error) {
      view.failure.textContent = messageOf(error);
    }
  }

  /** @param {Explanation} explanation */
  function show(explanation) {
    const { candidates, prompt } = explanation;
    view.decision.textContent = formatDecision(explanation, answer);
    view.candidates.append(...candidates.map(createCandidate));
    view.table.hidden = candidates.length === 0;
    view.prompt.hidden = !prompt;
    if (prompt) {
      view.parts.textContent = prompt.parts.map(formatPart).join(" · ");
      view.read.textContent = `${prompt.system}\n\n${prompt.user}`;
    }
    view.versions.textContent = formatVersions(explanation);
  }

  return view.element;
}

/** @param {Answer} answer */
function formatUsage({ usage, timings, ...answer }) {
  return [
    formatMode(answer),
    `${formatMilliseconds(timings.total)} in total`,
    usage.prompt_tokens && formatCount(usage.prompt_tokens, "prompt token"),
    usage.completion_tokens && formatCount(usage.completion_tokens, "answer token"),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** @param {Pick<Answer, "declined" | "mode" | "model">} answer */
function formatMode({ declined, mode, model }) {
  if (declined) return "";
  if (mode === "quote") return "Quoted from the documents";
  return `Written by ${model}${CHECKS[mode] ?? ""}`;
}

/**
 * @param {Explanation} explanation
 * @param {Pick<Answer, "groundedness">} answer
 */
function formatDecision(
  { declined, unsure, nearness, min_similarity: minimum, confidence, min_confidence: likely, sure_confidence: sure },
  { groundedness },
) {
  if (declined && groundedness) return "Declined: the passages do not support what the model wrote.";
  const threshold = `The threshold for an answer is ${minimum.toFixed(2)}.`;
  if (declined && confidence !== null)
    return `Declined: the best quote answers with a probability of ${confidence.toFixed(2)}, below ${likely.toFixed(2)}.`;
  if (unsure && confidence !== null)
    return `The best quote answers with a probability of ${confidence.toFixed(2)}, below ${sure.toFixed(2)}: shown as unsure.`;
  if (declined && nearness !== null && nearness >= minimum)
    return "Declined: no passage contains the code that the question is about.";
  if (nearness === 1) return "The question is or names a term that a passage contains.";
  const nearest =
    nearness === null
      ? "No passage was found."
      : `The nearest passage reaches ${nearness.toFixed(2)}: its similarity, adjusted by up to 0.10 for shared words.`;
  return `${declined ? "Declined. " : ""}${nearest} ${threshold}`;
}

/** @param {Candidate} candidate */
function createCandidate({ n, title, heading_path, place, similarity, bm25, score, rerank_score, fate, cited }) {
  const view = instantiate("candidate");
  view.number.textContent = `${n ?? ""}`;
  view.title.textContent = [title, formatHeadingPath({ title, heading_path, place })].filter(Boolean).join(" › ");
  view.dense.textContent = similarity.toFixed(2);
  view.words.textContent = bm25?.toFixed(2) ?? "–";
  view.fused.textContent = score.toFixed(2);
  view.reranked.textContent = rerank_score?.toFixed(2) ?? "–";
  view.fate.textContent = cited ? "cited" : FATES[fate];
  view.element.classList.toggle("selected", fate === "taken");
  return view.element;
}

/** @param {import("./api.js").PromptPart} part */
const formatPart = ({ name, characters, tokens }) =>
  `${name}: ${tokens === null ? formatCount(characters, "character") : `about ${formatCount(tokens, "token")}`}`;

/** @param {Explanation} explanation */
function formatVersions({ versions: { model, prompt, embedder, reranker, collection, revision }, reranking }) {
  return [
    model && `model ${model}`,
    prompt && `prompt ${prompt.name}/${prompt.version} (${prompt.hash})`,
    `embedder ${embedder}`,
    reranker && `reranker ${reranker}, ${reranking}`,
    `collection ${collection}, revision ${revision}`,
  ]
    .filter(Boolean)
    .join(" · ");
}
