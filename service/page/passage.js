/** The passage behind a citation, with the words that support the answer highlighted. */

import { pathOf } from "./path.js";
import { partsOf } from "./template.js";

/** @param {HTMLElement} panel */
export function openPassage(panel) {
  const view = partsOf(panel);
  /** @type {HTMLElement} */
  let opener;
  /** @type {number | null} */
  let shown = null;

  view.close.addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    // Escape in a dialog closes the dialog alone.
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) close();
  });

  /** @param {import("./api.js").Citation} citation */
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

  /** The same citation, now that more is known of it. */
  function update(citation) {
    if (citation.n === shown) fill(citation);
  }

  function fill(citation) {
    shown = citation.n;
    view.number.textContent = `Passage ${citation.n}`;
    view.title.textContent = citation.title;
    view.path.textContent = pathOf(citation);
    view.text.replaceChildren(...highlight(citation.text, citation.quote));
    view.facts.replaceChildren(
      ...fact("Source", linkTo(citation.uri)),
      ...fact("Similarity", citation.similarity.toFixed(3)),
      ...fact("Score", citation.score.toFixed(4)),
    );
  }

  function close() {
    if (shown === null) return;
    shown = null;
    panel.hidden = true;
    opener.ariaExpanded = "false";
    opener.focus();
  }

  return { show, update, close };
}

function highlight(text, quote) {
  const at = quote ? text.indexOf(quote) : -1;
  if (at < 0) return [text];
  const mark = document.createElement("mark");
  mark.textContent = quote;
  return [text.slice(0, at), mark, text.slice(at + quote.length)];
}

function fact(name, value) {
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = name;
  description.append(value);
  return [term, description];
}

function linkTo(uri) {
  // A document chooses its own URI: "javascript:" must stay text.
  if (!/^https?:\/\//i.test(uri)) return uri;
  const link = document.createElement("a");
  link.href = uri;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.textContent = uri;
  return link;
}
