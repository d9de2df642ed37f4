/** Documents on their way: which ones are in progress, and what has become of them. */

import { nameOf } from "./document_row.js";

const IN_PROGRESS = new Set(["queued", "processing", "deleting"]);

/**
 * Return true if the document, or an update of a ready document, is still being processed.
 * @param {import("./document_row.js").ListedDocument} document
 */
export function isInProgress(document) {
  return IN_PROGRESS.has(document.state) || IN_PROGRESS.has(document.update?.state ?? "");
}

/**
 * Describe what has become of a document that was in progress, or return "" if nothing has.
 * @param {import("./api.js").Document} known
 * @param {import("./api.js").Document | undefined} current Undefined if the list no longer has it.
 */
export function describeChange(known, current) {
  if (!isInProgress(known)) return "";
  if (!current) return known.state === "deleting" ? `“${nameOf(known)}” was deleted.` : "";
  if (current.state === "rejected" || current.update?.state === "rejected") return `“${nameOf(known)}” was rejected.`;
  if (current.state === "empty") return `“${nameOf(known)}” is empty.`;
  if (isInProgress(current)) return "";
  const hasGaps = current.warnings?.some((warning) => warning.loses_text);
  return hasGaps ? `“${nameOf(current)}” is ready, with gaps.` : `“${nameOf(current)}” is ready. You can ask about it.`;
}
