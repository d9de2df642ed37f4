/** One answer on the page: its text as it streams, its citations, its passages and its stages. */

import { counted } from "./counted.js";
import { MarkerSplitter } from "./markers.js";
import { instantiate } from "./template.js";
import { drawWaterfall, milliseconds } from "./waterfall.js";

/**
 * An element, and one method for each event of the stream.
 * @param {ReturnType<typeof import("./passage.js").openPassage>} passage
 */
export function createAnswer(question, passage) {
  const view = instantiate("answer");
  /** @type {Map<number, import("./api.js").Citation>} */
  const citations = new Map();
  /** @type {Map<number, HTMLElement>} */
  const rows = new Map();
  let splitter = new MarkerSplitter();
  let received = "";

  view.question.textContent = question;
  view.status.textContent = "Searching…";

  function sources({ sources }) {
    for (const source of sources) {
      citations.set(source.n, source);
      rows.set(source.n, createSource(source, open));
    }
    view.sources.append(...rows.values());
    view.passages.hidden = sources.length === 0;
    view.status.textContent = "Answering…";
  }

  function token({ text }) {
    // Models like to begin with a space, which would stand there as an indent.
    const shown = received ? text : text.trimStart();
    received += shown;
    view.text.append(...splitter.push(shown).map(toNode));
  }

  /** @param {import("./api.js").Answer} answer */
  function done(answer) {
    for (const citation of answer.citations) {
      citations.set(citation.n, citation);
      rows.get(citation.n)?.classList.add("cited");
      passage.update(citation);
    }
    // White space at the ends is no reason to take away what the reader's focus may be on.
    if (answer.answer.trim() !== received.trim()) rewrite(answer.answer);
    finish(
      answer.refused
        ? "No passage comes close to the question"
        : `Answered from ${answer.citations.length} of ${counted(citations.size, "passage")}`,
    );
    view.element.classList.toggle("refused", answer.refused);
    drawWaterfall(view.waterfall, answer.timings);
    view.usage.textContent = usageOf(answer);
    view.stages.hidden = false;
  }

  function stopped() {
    finish("Stopped");
  }

  function failed(sentence) {
    finish(received ? "Incomplete" : "");
    view.failure.textContent = sentence;
  }

  /** The service's last word on the text stands above what it streamed. */
  function rewrite(text) {
    splitter = new MarkerSplitter();
    view.text.replaceChildren(...splitter.push(text).map(toNode));
  }

  function finish(status) {
    view.text.append(splitter.flush());
    view.text.ariaBusy = "false";
    view.status.textContent = status;
  }

  function toNode(piece) {
    if (typeof piece === "string") return piece;
    if (!citations.has(piece)) return `[${piece}]`;
    const { element } = instantiate("citation");
    element.textContent = piece;
    element.ariaLabel = `Citation ${piece}: ${citations.get(piece).title}`;
    element.addEventListener("click", () => open(piece, element));
    return element;
  }

  // By number, because `done` brings the quotes that `sources` did not have.
  function open(n, opener) {
    passage.show(citations.get(n), opener);
  }

  return { element: view.element, sources, token, done, stopped, failed };
}

function createSource({ n, title, heading_path: path, similarity }, open) {
  const view = instantiate("source");
  const button = view.element.firstElementChild;
  view.number.textContent = n;
  view.title.textContent = title;
  view.path.textContent = path.join(" › ");
  view.similarity.textContent = similarity.toFixed(2);
  button.addEventListener("click", () => open(n, button));
  return view.element;
}

/** @param {import("./api.js").Answer} answer */
function usageOf({ model, usage, timings }) {
  return [
    `${milliseconds(timings.total)} in all`,
    model,
    usage.prompt_tokens && counted(usage.prompt_tokens, "prompt token"),
    usage.completion_tokens && counted(usage.completion_tokens, "answer token"),
  ]
    .filter(Boolean)
    .join(" · ");
}
