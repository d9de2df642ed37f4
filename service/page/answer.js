/** One turn of the thread: a question, its passages, and its answer as it streams. */

import { createCopyButton } from "./copy_button.js";
import { createDetails } from "./details.js";
import { instantiate } from "./dom.js";
import { formatHeadingPath } from "./heading_path.js";
import { renderMarkdown } from "./markdown.js";
import { textOf } from "./passage.js";
import { patchChildren } from "./patch.js";
import { formatCount } from "./plural.js";
import { createRating } from "./rating.js";
import { addNotes } from "./unsupported.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").Step} Step
 * @typedef {import("./api.js").Turn} Turn
 * @typedef {import("./passage.js").AnyCitation} AnyCitation
 */

// More than the lines of a snippet can show. The layout cuts it off.
const SNIPPET_CHARACTERS = 300;
// The packaged model shows that the path works, and knows too little to be relied on.
const DEMONSTRATION = "SmolLM2-135M-Instruct";

/**
 * Create the element of a turn, and a method for each event of its answer's stream.
 * @param {string} question
 * @param {{passage: ReturnType<typeof import("./passage.js").openPassage>, onAskAgain: (question: string) => void}} parts
 */
export function createAnswer(question, { passage, onAskAgain }) {
  const view = instantiate("answer");
  /** @type {Map<number, AnyCitation>} */
  const citations = new Map();
  /** @type {Map<number, HTMLElement>} */
  const rows = new Map();
  /** @type {Map<number, HTMLElement>} */
  const stepLines = new Map();
  let received = "";
  /** @type {{text: string, start: number}[]} */
  let unsupported = [];

  view.question.textContent = question;
  view.status.textContent = "Searching…";
  view.actions.prepend(createCopyButton("Copy answer", () => received.trim()));
  view.askAgain.addEventListener("click", () => onAskAgain(question));

  /** @param {{sources: AnyCitation[]}} event */
  function showSources({ sources }) {
    for (const source of sources) {
      citations.set(source.n, source);
      rows.set(source.n, createSource(source, openCitation));
    }
    view.sources.append(...rows.values());
    view.passages.hidden = sources.length === 0;
    view.status.textContent = sources.length > 0 ? `Reading ${formatCount(sources.length, "passage")}…` : "Answering…";
  }

  /** @param {Step} step The end of a step replaces its start. */
  function showStep({ number, status, text }) {
    const line = stepLines.get(number) ?? document.createElement("li");
    line.textContent = text;
    line.className = status;
    stepLines.set(number, line);
    view.stepList.append(line);
    view.steps.hidden = false;
    view.status.textContent = "Working…";
  }

  /** @param {{text: string}} event */
  function appendToken({ text }) {
    if (received === "") view.status.textContent = "Answering…";
    received += text;
    render({ isComplete: false });
  }

  /** @param {Answer} answer */
  function complete(answer) {
    for (const citation of answer.citations) {
      citations.set(citation.n, citation);
      rows.get(citation.n)?.classList.add("cited");
      passage.update(citation);
    }
    showRewritten(answer.question);
    // The final text can differ from the streamed text, for example after the check against the quotes.
    received = answer.answer;
    unsupported = answer.groundedness?.unsupported ?? [];
    end(formatOutcome(answer, citations.size));
    view.element.classList.toggle("declined", answer.declined);
    view.element.classList.toggle("unsure", answer.unsure);
    view.actions.append(createRating(answer.id));
    view.element.append(createDetails(answer));
  }

  /**
   * Show a turn that the service kept. It has what the answer cited, and no other passages.
   * @param {Turn} turn
   */
  function restore(turn) {
    showSources({ sources: turn.citations });
    for (const row of rows.values()) row.classList.add("cited");
    showRewritten(turn.question);
    received = turn.answer;
    view.element.classList.toggle("declined", turn.declined);
    view.element.classList.toggle("unsure", turn.unsure);
    view.actions.append(createRating(turn.answer_id));
    end("");
  }

  /** @param {string} searched The question that was searched. It differs if a follow-up was rewritten. */
  function showRewritten(searched) {
    view.rewritten.textContent = searched && searched !== question ? `Searched for: ${searched}` : "";
  }

  function stop() {
    end("Stopped");
  }

  /** @param {string} message */
  function fail(message) {
    end(received ? "Incomplete" : "");
    view.failure.textContent = message;
  }

  /** @param {{isComplete: boolean}} options */
  function render({ isComplete }) {
    patchChildren(view.text, renderMarkdown(addNotes(received, unsupported), { isComplete, createMarker }));
  }

  /** @param {string} status */
  function end(status) {
    render({ isComplete: true });
    view.text.ariaBusy = "false";
    view.steps.removeAttribute("open");
    view.status.textContent = status;
    view.actions.hidden = false;
  }

  /** @param {number} n */
  function createMarker(n) {
    const citation = citations.get(n);
    if (!citation) return new Text(`[${n}]`);
    const { element } = instantiate("citation");
    element.textContent = `${n}`;
    element.ariaLabel = `Citation ${n}: ${citation.title}`;
    element.addEventListener("click", () => openCitation(n, element));
    return element;
  }

  /**
   * Look the citation up by its number, because the `done` event adds the quotes.
   * @param {number} n
   * @param {HTMLElement} opener
   */
  function openCitation(n, opener) {
    const citation = citations.get(n);
    if (citation) passage.show(citation, opener);
  }

  return { element: view.element, showStep, showSources, appendToken, complete, restore, stop, fail };
}

/**
 * @param {AnyCitation} citation
 * @param {(n: number, opener: HTMLElement) => void} onOpen
 */
function createSource(citation, onOpen) {
  const view = instantiate("source");
  view.number.textContent = `${citation.n}`;
  view.title.textContent = citation.title;
  view.path.textContent = formatHeadingPath(citation);
  view.snippet.textContent = textOf(citation).slice(0, SNIPPET_CHARACTERS).replace(/\s+/g, " ");
  view.button.addEventListener("click", () => onOpen(citation.n, view.button));
  return view.element;
}

/**
 * @param {Answer} answer
 * @param {number} passages
 */
function formatOutcome({ conversation, ...answer }, passages) {
  const outcome = formatEnd(answer, passages);
  return conversation?.is_kept === false ? `${outcome} · This turn could not be kept, so follow-ups will not know it` : outcome;
}

/**
 * @param {Pick<Answer, "declined" | "unsure" | "finish_reason" | "citations" | "corrected" | "model" | "groundedness">} answer
 * @param {number} passages
 */
function formatEnd({ declined, unsure, finish_reason, citations, corrected, model, groundedness }, passages) {
  const searched = corrected ? ` · Searched for “${corrected}”` : "";
  const withheld = groundedness?.withheld ?? 0;
  if (declined && withheld > 0) return "Withheld: the passages do not support what the model wrote";
  if (declined && passages === 0) return `Nothing was found${searched}`;
  if (declined) return `Nothing near enough was found: the nearest passages are listed${searched}`;
  const warning = model === DEMONSTRATION ? " · A demonstration by a small model, often wrong" : "";
  const missing = withheld > 0 ? ` · ${formatCount(withheld, "unsupported sentence")} withheld` : "";
  const answered = `Answered from ${citations.length} of ${formatCount(passages, "passage")}${missing}${searched}${warning}`;
  if (unsure) return `Not sure: no passage clearly answers · ${answered}`;
  if (finish_reason === "length") return `Cut off at the longest answer that is allowed · ${answered}`;
  if (finish_reason === "content_filter") return `Shortened by the model's content filter · ${answered}`;
  return answered;
}
