/** One answer on the page: its text as it streams, its citations, its passages and its stages. */

import { counted } from "./counted.js";
import { createExplanation } from "./explain.js";
import { pathOf } from "./path.js";
import { readPieces } from "./pieces.js";
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
  /** @type {{kind: string, text: string, node: Node}[]} */
  const written = [];
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
    received += text;
    write(received, { isComplete: false });
  }

  /** @param {import("./api.js").Answer} answer */
  function done(answer) {
    for (const citation of answer.citations) {
      citations.set(citation.n, citation);
      rows.get(citation.n)?.classList.add("cited");
      passage.update(citation);
    }
    // The service's last word on the text stands above what it streamed.
    received = answer.answer;
    finish(
      answer.refused
        ? "No passage comes close to the question"
        : `Answered from ${answer.citations.length} of ${counted(citations.size, "passage")}`,
    );
    view.element.classList.toggle("refused", answer.refused);
    drawWaterfall(view.waterfall, answer.timings);
    view.usage.textContent = usageOf(answer);
    view.stages.hidden = false;
    view.element.append(createExplanation(answer.id));
  }

  function stopped() {
    finish("Stopped");
  }

  function failed(sentence) {
    finish(received ? "Incomplete" : "");
    view.failure.textContent = sentence;
  }

  /** Replaces only what is different: the reader's focus or selection may be on the rest. */
  function write(text, { isComplete }) {
    const pieces = readPieces(text.trimStart(), { isComplete });
    let same = pieces.findIndex((piece, at) => !isSame(piece, written[at]));
    if (same < 0) same = pieces.length;
    if (grows(written[same], pieces[same])) {
      written[same].node.appendData(pieces[same].text.slice(written[same].text.length));
      written[same].text = pieces[same].text;
      same += 1;
    }
    for (const { node } of written.splice(same)) node.remove();
    written.push(...pieces.slice(same).map((piece) => ({ ...piece, node: toNode(piece) })));
    view.text.append(...written.slice(same).map(({ node }) => node));
  }

  function finish(status) {
    write(received.trimEnd(), { isComplete: true });
    view.text.ariaBusy = "false";
    view.status.textContent = status;
  }

  /** @param {import("./pieces.js").Piece} piece */
  function toNode({ kind, text }) {
    if (kind === "text") return new Text(text);
    if (kind === "marker") return createMarker(Number(text));
    const code = document.createElement("code");
    code.textContent = text;
    if (kind === "code") return code;
    const block = document.createElement("pre");
    // What scrolls sideways must be within the keyboard's reach.
    block.tabIndex = 0;
    block.append(code);
    return block;
  }

  function createMarker(n) {
    if (!citations.has(n)) return new Text(`[${n}]`);
    const { element } = instantiate("citation");
    element.textContent = n;
    element.ariaLabel = `Citation ${n}: ${citations.get(n).title}`;
    element.addEventListener("click", () => open(n, element));
    return element;
  }

  // By number, because `done` brings the quotes that `sources` did not have.
  function open(n, opener) {
    passage.show(citations.get(n), opener);
  }

  return { element: view.element, sources, token, done, stopped, failed };
}

const isSame = (piece, other) => piece.kind === other?.kind && piece.text === other.text;

const grows = (before, after) =>
  before?.kind === "text" && after?.kind === "text" && after.text.startsWith(before.text);

function createSource(citation, open) {
  const { n, title, similarity } = citation;
  const view = instantiate("source");
  const button = view.element.firstElementChild;
  view.number.textContent = n;
  view.title.textContent = title;
  view.path.textContent = pathOf(citation);
  view.similarity.textContent = similarity.toFixed(2);
  button.addEventListener("click", () => open(n, button));
  return view.element;
}

/** @param {import("./api.js").Answer} answer */
function usageOf({ usage, timings, ...answer }) {
  return [
    writtenHow(answer),
    `${milliseconds(timings.total)} in all`,
    usage.prompt_tokens && counted(usage.prompt_tokens, "prompt token"),
    usage.completion_tokens && counted(usage.completion_tokens, "answer token"),
  ]
    .filter(Boolean)
    .join(" · ");
}

function writtenHow({ refused, mode, model }) {
  if (refused) return "";
  if (mode === "quote") return "Quoted from the documents";
  return `Written by ${model}${mode === "checked" ? ", checked against the quotes" : ""}`;
}
