/** One row of the list of documents. */

import { counted } from "./counted.js";
import { instantiate } from "./template.js";

const STATES = {
  uploading: "Uploading…",
  queued: "Queued",
  processing: "Processing",
  rejected: "Rejected",
  deleting: "Deleting…",
};
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A document that has not been parsed yet has no title. */
export const nameOf = ({ title, id }) => title || id;

export function createDocumentRow(onRemove) {
  const view = instantiate("document");
  view.remove.addEventListener("click", onRemove);

  /** @param {import("./api.js").Document} document */
  function update(document) {
    const name = nameOf(document);
    view.element.dataset.state = document.state;
    view.title.textContent = name;
    view.title.title = document.uri ?? "";
    view.state.textContent = STATES[document.state] ?? describe(document);
    view.reason.textContent = document.state === "rejected" ? document.reason : "";
    view.remove.ariaLabel = `Delete ${name}`;
    view.remove.disabled = document.state === "deleting";
  }

  return { element: view.element, update };
}

function describe({ chunks, ingested_at: at }) {
  return `${counted(chunks, "passage")} · ${DATE.format(new Date(at))}`;
}
