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
    view.reason.textContent = document.state === "rejected" ? document.reason : describeUpdate(document);
    view.remove.ariaLabel = `Delete ${name}`;
    view.remove.disabled = document.state === "deleting";
  }

  return { element: view.element, update };
}

/** Until an update is in, or where it never will be, searches see the version before it. */
function describeUpdate({ state, update }) {
  if (state !== "ready" || !update) return "";
  return update.state === "rejected" ? `The update was rejected: ${update.reason}` : `Update: ${STATES[update.state]}`;
}

function describe({ chunks, ingested_at: at }) {
  return `${counted(chunks, "passage")} · ${DATE.format(new Date(at))}`;
}
