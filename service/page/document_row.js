/** One row of the document list. */

import { instantiate } from "./dom.js";
import { formatCount } from "./plural.js";

/**
 * @typedef {import("./api.js").Document} Document
 * @typedef {Omit<Document, "state"> & {state: Document["state"] | "uploading"}} ListedDocument
 *   A document with the state that only the page knows.
 */

/** @type {Record<string, string>} */
const STATES = {
  uploading: "Uploading…",
  queued: "Queued",
  processing: "Processing",
  empty: "Empty",
  rejected: "Rejected",
  deleting: "Deleting…",
};
const DATE_FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/**
 * Return the title, or the id of a document that has not been parsed yet.
 * @param {{title?: string | null, id: string}} document
 */
export const nameOf = ({ title, id }) => title || id;

/** @param {{onDelete: () => void, onSelect: (isSelected: boolean) => void}} listeners */
export function createDocumentRow({ onDelete, onSelect }) {
  const view = instantiate("document");
  const deleteButton = /** @type {HTMLButtonElement} */ (view.delete);
  const checkbox = /** @type {HTMLInputElement} */ (view.select);
  deleteButton.addEventListener("click", onDelete);
  checkbox.addEventListener("change", () => onSelect(checkbox.checked));
  checkbox.addEventListener("keydown", ({ key }) => {
    if (key === "Delete" && !deleteButton.disabled) onDelete();
  });

  /**
   * @param {ListedDocument} document
   * @param {{isSelected: boolean}} options
   */
  function update(document, { isSelected }) {
    const name = nameOf(document);
    view.element.dataset.state = document.state;
    view.title.textContent = name;
    view.title.title = document.uri ?? "";
    view.state.textContent = describeState(document) ?? describe(document);
    const isExplained = document.state === "rejected" || document.state === "empty";
    view.reason.textContent = isExplained ? (document.reason ?? "") : describeUpdate(document);
    view.warnings.replaceChildren(...(document.warnings ?? []).map(createWarning));
    deleteButton.ariaLabel = `Delete ${name}`;
    checkbox.ariaLabel = `Select ${name}`;
    checkbox.checked = isSelected;
    deleteButton.disabled = document.state === "deleting" || document.state === "uploading";
  }

  return { element: view.element, update };
}

/**
 * Describe an update that is in progress or was rejected; until it is ready, searches use the previous version.
 * @param {ListedDocument} document
 */
function describeUpdate({ state, update }) {
  if (state !== "ready" || !update || update.state === "unknown") return "";
  if (update.state === "empty") return "The update is empty.";
  return update.state === "rejected" ? `The update was rejected: ${update.reason}` : `Update: ${describeState(update)}`;
}

/**
 * Return the state, and what a document that is not ready waits for, such as "Queued: no worker is running".
 * @param {{state: string, reason?: string | null}} document
 */
function describeState({ state, reason }) {
  if (!reason || !["queued", "processing", "deleting"].includes(state)) return STATES[state];
  return `${STATES[state].replace("…", "")}: ${reason[0].toLowerCase()}${reason.slice(1).replace(/\.$/, "")}`;
}

/** @param {ListedDocument} document */
function describe({ chunks, ingested_at: ingestedAt, warnings }) {
  const facts = [formatCount(chunks ?? 0, "passage"), DATE_FORMAT.format(new Date(ingestedAt ?? 0))];
  if (warnings?.some((warning) => warning.loses_text)) facts.unshift("Ready, with gaps");
  return facts.join(" · ");
}

/** @param {import("./api.js").Warning} warning */
function createWarning({ message, count, place }) {
  const item = document.createElement("li");
  const saysCount = count === 1 || message.startsWith(`${count.toLocaleString("en")} `);
  const details = [saysCount ? "" : `${count.toLocaleString("en")} times`, place].filter(Boolean);
  item.textContent = details.length > 0 ? `${message} (${details.join("; ")})` : message;
  return item;
}
