/** The passage of a citation, with the quote that supports the answer highlighted. */

import { partsOf } from "./dom.js";
import { formatHeadingPath } from "./heading_path.js";
import { createLink } from "./markdown.js";

/** @typedef {import("./api.js").Citation} Citation */

/** @param {HTMLElement} panel */
export function openPassage(panel) {
  const view = partsOf(panel);
  /** @type {HTMLElement | null} */
  let opener = null;
  /** @type {number | null} */
  let shownNumber = null;

  view.close.addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    // Escape in a dialog closes only the dialog.
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) close();
  });

  /**
   * @param {Citation} citation
   * @param {HTMLElement} openedBy
   */
  function show(citation, openedBy) {
    close();
    opener = openedBy;
    opener.ariaExpanded = "true";
    fill(citation);
    panel.hidden = false;
    panel.scrollTop = 0;
    panel.focus({ preventScroll: true });
    view.text.querySelector("mark")?.scrollIntoView({ block: "nearest" });
  }

  /**
   * Show the citation again if it is open, because its quote arrives after the answer.
   * @param {Citation} citation
   */
  function update(citation) {
    if (citation.n === shownNumber) fill(citation);
  }

  /** @param {Citation} citation */
  function fill(citation) {
    shownNumber = citation.n;
    view.number.textContent = `Passage ${citation.n}`;
    view.title.textContent = citation.title;
    view.path.textContent = formatHeadingPath(citation);
    view.text.replaceChildren(...highlight(citation.text, citation.quote));
    view.facts.replaceChildren(
      ...createFact("Source", createLink(citation.uri, [new Text(citation.uri)])),
      ...createFact("Similarity", citation.similarity.toFixed(3)),
      ...createFact("Score", citation.score.toFixed(4)),
    );
  }

  function close() {
    if (shownNumber === null || opener === null) return;
    shownNumber = null;
    panel.hidden = true;
    opener.ariaExpanded = "false";
    opener.focus();
  }

  return { show, update, close };
}

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
