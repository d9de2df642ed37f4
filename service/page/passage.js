/** The passage of a citation, with its quote highlighted, and the text of its document around it. */

import { messageOf, readPassages } from "./api.js";
import { partsOf } from "./dom.js";
import { formatHeadingPath } from "./heading_path.js";
import { createLink } from "./link.js";

/**
 * @typedef {import("./api.js").Citation} Citation
 * @typedef {Citation | import("./api.js").KeptCitation} AnyCitation A citation of a new answer or of one that was kept.
 */

// About two printed pages on each side.
const MAX_AROUND = 9;
// Enough to recognise a passage. A longer beginning may reach into the next one.
const MAX_RECOGNISED = 80;

/** @param {HTMLElement} panel */
export function openPassage(panel) {
  const view = partsOf(panel);
  /** @type {HTMLElement | null} */
  let opener = null;
  /** @type {AnyCitation | null} */
  let shown = null;

  view.more.addEventListener("click", () => {
    if (shown && shown.ordinal !== null) showAround(shown, shown.ordinal);
  });
  view.close.addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    // Escape in a dialog closes only the dialog.
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) close();
  });

  /**
   * @param {AnyCitation} citation
   * @param {HTMLElement} openedBy
   */
  function show(citation, openedBy) {
    close();
    opener = openedBy;
    opener.ariaExpanded = "true";
    view.before.replaceChildren();
    view.after.replaceChildren();
    view.failure.textContent = "";
    view.more.hidden = citation.ordinal === null;
    fill(citation);
    panel.hidden = false;
    panel.scrollTop = 0;
    panel.focus({ preventScroll: true });
    view.text.querySelector("mark")?.scrollIntoView({ block: "nearest" });
  }

  /**
   * Show the citation again if it is open, because its quote arrives after the answer.
   * @param {AnyCitation} citation
   */
  function update(citation) {
    if (isShown(citation)) fill(citation);
  }

  /**
   * Whether its passage is open, also as an earlier or later state of the same citation.
   * @param {AnyCitation} citation
   */
  function isShown({ document_id, ordinal, n }) {
    return document_id === shown?.document_id && ordinal === shown.ordinal && n === shown.n;
  }

  /** @param {AnyCitation} citation */
  function fill(citation) {
    shown = citation;
    view.number.textContent = `Passage ${citation.n}`;
    view.title.textContent = citation.title;
    view.path.textContent = formatHeadingPath(citation);
    view.text.replaceChildren(...highlight(textOf(citation), "quote" in citation ? citation.quote : null));
    view.facts.replaceChildren(
      ...createFact("Source", createLink(addressOf(citation), [new Text(citation.uri)])),
      ...("score" in citation ? createScores(citation) : []),
    );
  }

  /**
   * Show the passages before and after this one. What is read stays in place, and the rest grows around it.
   * @param {AnyCitation} citation
   * @param {number} place The position of the passage in its document.
   */
  async function showAround(citation, place) {
    try {
      const { passages } = await readPassages(citation.document_id, { around: place, limit: MAX_AROUND });
      if (!isShown(citation)) return;
      if ("snippet" in citation && !contain(passages, citation.snippet)) {
        view.failure.textContent = "The document has changed since this answer, and no longer has this passage here.";
        return;
      }
      const own = passages.find(({ ordinal }) => ordinal === place);
      if ("snippet" in citation && own) view.text.replaceChildren(...highlight(own.text, citation.snippet));
      view.before.replaceChildren(...passages.filter(({ ordinal }) => ordinal < place).map(createPassage));
      view.after.replaceChildren(...passages.filter(({ ordinal }) => ordinal > place).map(createPassage));
      view.failure.textContent = "";
      // The button disappears, and the focus must not disappear with it.
      panel.focus({ preventScroll: true });
      view.more.hidden = true;
      view.text.scrollIntoView({ block: "center" });
    } catch (error) {
      view.failure.textContent = messageOf(error);
    }
  }

  function close() {
    if (shown === null || opener === null) return;
    shown = null;
    panel.hidden = true;
    opener.ariaExpanded = "false";
    opener.focus();
  }

  return { show, update, close };
}

/**
 * Return the text of the passage, or what was kept of it.
 * @param {AnyCitation} citation
 */
export const textOf = (citation) => ("text" in citation ? citation.text : citation.snippet);

/**
 * @param {import("./api.js").DocumentPassage[]} passages
 * @param {string} snippet
 */
const contain = (passages, snippet) => passages.some(({ text }) => text.includes(snippet.slice(0, MAX_RECOGNISED)));

/** @param {Citation} citation */
const createScores = ({ similarity, score }) => [
  ...createFact("Similarity", similarity.toFixed(3)),
  ...createFact("Score", score.toFixed(4)),
];

/** @param {import("./api.js").DocumentPassage} passage */
function createPassage({ text }) {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  return paragraph;
}

/**
 * Return the address of the source. Browsers open a PDF at the page that the fragment names.
 * @param {AnyCitation} citation
 */
const addressOf = ({ uri, place }) => (place.page && !uri.includes("#") ? `${uri}#page=${place.page}` : uri);

/**
 * @param {string} text
 * @param {string | null} quote
 */
function highlight(text, quote) {
  const start = quote ? text.indexOf(quote) : -1;
  if (!quote || start < 0) return [text];
  const mark = document.createElement("mark");
  mark.textContent = quote;
  return [text.slice(0, start), mark, text.slice(start + quote.length)];
}

/**
 * @param {string} name
 * @param {string | Node} value
 */
function createFact(name, value) {
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = name;
  description.append(value);
  return [term, description];
}
