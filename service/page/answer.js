/** One answer on the page: its text as it streams, its citations, its passages and its stages. */

import { parseAnswerText } from "./answer_text.js";
import { instantiate } from "./dom.js";
import { createExplanation } from "./explain.js";
import { formatHeadingPath } from "./heading_path.js";
import { formatCount } from "./plural.js";
import { drawWaterfall, formatMilliseconds } from "./waterfall.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").Citation} Citation
 * @typedef {import("./answer_text.js").Piece} Piece
 */

/**
 * Create the element of an answer, and a method for each event of its stream.
 * @param {string} question
 * @param {ReturnType<typeof import("./passage.js").openPassage>} passage
 */
export function createAnswer(question, passage) {
  const view = instantiate("answer");
  /** @type {Map<number, Citation>} */
  const citations = new Map();
  /** @type {Map<number, HTMLElement>} */
  const rows = new Map();
  /** @type {(Piece & {node: HTMLElement | Text})[]} */
  const rendered = [];
  let received = "";

  view.question.textContent = question;
  view.status.textContent = "Searching…";

  /** @param {{sources: Citation[]}} event */
  function showSources({ sources }) {
    for (const source of sources) {
      citations.set(source.n, source);
      rows.set(source.n, createSource(source, openCitation));
    }
    view.sources.append(...rows.values());
    view.passages.hidden = sources.length === 0;
    view.status.textContent = sources.length > 0 ? `Reading ${formatCount(sources.length, "passage")}…` : "Answering…";
  }

  /** @param {{text: string}} event */
  function appendToken({ text }) {
    if (received === "") view.status.textContent = "Answering…";
    received += text;
    render(received, { isComplete: false });
  }

  /** @param {Answer} answer */
  function complete(answer) {
    for (const citation of answer.citations) {
      citations.set(citation.n, citation);
      rows.get(citation.n)?.classList.add("cited");
      passage.update(citation);
    }
    // The final text can differ from the streamed text, for example after the check against the quotes.
    received = answer.answer;
    end(formatOutcome(answer, citations.size));
    view.element.classList.toggle("declined", answer.declined);
    drawWaterfall(view.waterfall, answer.timings);
    view.usage.textContent = formatUsage(answer);
    view.stages.hidden = false;
    view.element.append(createExplanation(answer.id));
  }

  function stop() {
    end("Stopped");
  }

  /** @param {string} message */
  function fail(message) {
    end(received ? "Incomplete" : "");
    view.failure.textContent = message;
  }

  /**
   * Update only the nodes that changed, because the others may have the focus or a selection.
   * @param {string} text
   * @param {{isComplete: boolean}} options
   */
  function render(text, { isComplete }) {
    const pieces = parseAnswerText(text.trimStart(), { isComplete });
    let unchanged = pieces.findIndex((piece, index) => !isSame(piece, rendered[index]));
    if (unchanged < 0) unchanged = pieces.length;
    const last = rendered[unchanged];
    if (last && last.node instanceof Text && isExtended(last, pieces[unchanged])) {
      last.node.appendData(pieces[unchanged].text.slice(last.text.length));
      last.text = pieces[unchanged].text;
      unchanged += 1;
    }
    for (const { node } of rendered.splice(unchanged)) node.remove();
    rendered.push(...pieces.slice(unchanged).map((piece) => ({ ...piece, node: toNode(piece) })));
    view.text.append(...rendered.slice(unchanged).map(({ node }) => node));
  }

  /** @param {string} status */
  function end(status) {
    render(received.trimEnd(), { isComplete: true });
    view.text.ariaBusy = "false";
    view.status.textContent = status;
  }

  /** @param {Piece} piece */
  function toNode({ kind, text }) {
    if (kind === "text") return new Text(text);
    if (kind === "marker") return createMarker(Number(text));
    const code = document.createElement("code");
    code.textContent = text;
    if (kind === "code") return code;
    const block = document.createElement("pre");
    // A block can scroll sideways, so the keyboard must be able to reach it.
    block.tabIndex = 0;
    block.append(code);
    return block;
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

  return { element: view.element, showSources, appendToken, complete, stop, fail };
}

/**
 * @param {Piece} piece
 * @param {Piece | undefined} other
 */
const isSame = (piece, other) => piece.kind === other?.kind && piece.text === other.text;

/**
 * @param {Piece} before
 * @param {Piece | undefined} after
 */
const isExtended = (before, after) =>
  before.kind === "text" && after?.kind === "text" && after.text.startsWith(before.text);

/**
 * @param {Citation} citation
 * @param {(n: number, opener: HTMLElement) => void} onOpen
 */
function createSource(citation, onOpen) {
  const view = instantiate("source");
  view.number.textContent = `${citation.n}`;
  view.title.textContent = citation.title;
  view.path.textContent = formatHeadingPath(citation);
  view.similarity.textContent = citation.similarity.toFixed(2);
  view.button.addEventListener("click", () => onOpen(citation.n, view.button));
  return view.element;
}

/**
 * @param {Answer} answer
 * @param {number} passages
 */
function formatOutcome({ declined, finish_reason, citations }, passages) {
  if (declined) return "No passage is close enough to the question";
  const answered = `Answered from ${citations.length} of ${formatCount(passages, "passage")}`;
  if (finish_reason === "length") return `Cut off at the longest answer that is allowed · ${answered}`;
  if (finish_reason === "content_filter") return `Shortened by the model's content filter · ${answered}`;
  return answered;
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
  return `Written by ${model}${mode === "checked" ? ", checked against the quotes" : ""}`;
}
