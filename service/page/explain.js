/** Why an answer says what it says: what was found and what became of it, and what the model read. */

import { explainAnswer } from "./api.js";
import { counted } from "./counted.js";
import { instantiate } from "./template.js";

const FATES = {
  taken: "taken",
  beyond_limit: "others were better",
  repeats: "repeats a better one",
  document_has_its_share: "its document had its share",
};

/**
 * A closed section that asks the service when it is opened for the first time.
 * @param {string} id The answer's.
 */
export function createExplanation(id) {
  const view = instantiate("explanation");
  view.element.addEventListener("toggle", load, { once: true });

  async function load() {
    try {
      fill(await explainAnswer(id));
    } catch (error) {
      view.failure.textContent = error.message;
    }
  }

  /** @param {import("./api.js").Explanation} why */
  function fill(why) {
    view.decision.textContent = decisionOf(why);
    view.candidates.append(...why.candidates.map(createCandidate));
    view.table.hidden = why.candidates.length === 0;
    view.prompt.hidden = !why.prompt;
    if (why.prompt) {
      view.parts.textContent = why.prompt.parts.map(partOf).join(" · ");
      view.read.textContent = `${why.prompt.system}\n\n${why.prompt.user}`;
    }
    view.versions.textContent = versionsOf(why);
  }

  return view.element;
}

function decisionOf({ refused, nearness, min_similarity }) {
  const needed = `from ${min_similarity.toFixed(2)} on it is answered`;
  const far =
    nearness === null
      ? `No passage was found; ${needed}.`
      : `The nearest passage reaches ${nearness.toFixed(2)}, with up to 0.10 more or less by the words it shares; ${needed}.`;
  return refused ? `Refused. ${far}` : far;
}

function createCandidate({ n, title, heading_path, similarity, bm25, score, rerank_score, fate, cited }) {
  const view = instantiate("candidate");
  view.number.textContent = n ?? "";
  view.title.textContent = [title, ...heading_path.filter((heading) => heading !== title)].join(" › ");
  view.dense.textContent = similarity.toFixed(2);
  view.words.textContent = bm25?.toFixed(2) ?? "–";
  view.fused.textContent = score.toFixed(2);
  view.reranked.textContent = rerank_score?.toFixed(2) ?? "–";
  view.fate.textContent = cited ? "cited" : FATES[fate];
  view.element.classList.toggle("taken", fate === "taken");
  return view.element;
}

const partOf = ({ name, characters, tokens }) =>
  `${name}: ${tokens === null ? counted(characters, "character") : `about ${counted(tokens, "token")}`}`;

function versionsOf({ versions: { model, prompt, embedder, reranker, collection, revision }, reranking }) {
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
