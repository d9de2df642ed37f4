/** The document list: upload, follow until processed, delete. */

import { deleteDocument, getDocument, listDocuments, messageOf, putDocument, UserFacingError } from "./api.js";
import { openDialog } from "./dialog.js";
import { createDocumentRow, nameOf } from "./document_row.js";
import { elementById } from "./dom.js";

/**
 * @typedef {import("./api.js").Document} Document
 * @typedef {import("./document_row.js").ListedDocument} ListedDocument
 */

// With this type the service uses the suffix, which it knows better than browsers do.
const UNSPECIFIC_TYPE = "application/octet-stream";
const IN_PROGRESS = new Set(["queued", "processing", "deleting"]);
const MAX_ID_LENGTH = 200;
const FIRST_POLL_MS = 200;
const MAX_POLL_MS = 3000;

/** @param {{onChange: (documents: Document[]) => void}} options */
export function openDocuments({ onChange }) {
  const list = elementById("document-list", HTMLUListElement);
  const count = elementById("document-count", HTMLElement);
  const status = elementById("document-status", HTMLParagraphElement);
  const failure = elementById("document-failure", HTMLParagraphElement);
  const input = elementById("files", HTMLInputElement);
  const supportedSuffixes = new Set(input.accept.split(",").map((suffix) => suffix.trim()));

  /** @type {Map<string, ListedDocument>} */
  const documents = new Map();
  /** @type {Map<string, ReturnType<typeof createDocumentRow>>} */
  const rows = new Map();
  /** @type {Set<string>} */
  const followed = new Set();

  elementById("add-documents", HTMLButtonElement).addEventListener("click", chooseFiles);
  input.addEventListener("change", async () => {
    await upload(input.files ?? []);
    // Without this, choosing the same file again would not fire a change event.
    input.value = "";
  });

  function chooseFiles() {
    input.click();
  }

  async function load() {
    failure.textContent = "";
    await attempt(async () => {
      const before = [...documents.keys()];
      const listed = await listDocuments();
      // Only the earlier rows are replaced. Files dropped during the request are not in the list yet.
      before.forEach(removeRow);
      listed.forEach(putRow);
      notify();
      listed.forEach(({ id }) => follow(id));
    });
  }

  /** @param {Iterable<File>} files */
  async function upload(files) {
    failure.textContent = "";
    // One file at a time, so that a large selection does not open one connection per file.
    for (const file of [...files]) await attempt(() => uploadFile(file));
  }

  /** @param {File} file */
  async function uploadFile(file) {
    const suffix = `.${file.name.split(".").pop()?.toLowerCase()}`;
    if (!supportedSuffixes.has(suffix)) {
      throw new UserFacingError(`“${file.name}” was not added: ${suffix} files are not supported.`);
    }
    const id = toId(file.name);
    const before = documents.get(id);
    putRow({ id, state: "uploading" });
    notify();
    try {
      putRow(await putDocument(id, file, UNSPECIFIC_TYPE));
    } catch (error) {
      if (before) putRow(before);
      else removeRow(id);
      notify();
      throw new UserFacingError(`“${file.name}” was not added. ${messageOf(error)}`);
    }
    follow(id);
  }

  /** @param {string} id */
  async function confirmAndDelete(id) {
    elementById("delete-title", HTMLHeadingElement).textContent = `Delete “${nameOf(documents.get(id) ?? { id })}”?`;
    if ((await openDialog(elementById("delete-dialog", HTMLDialogElement))) !== "delete") return;
    await attempt(async () => {
      await deleteDocument(id);
      putRow({ id, state: "deleting" });
      follow(id);
    });
  }

  /**
   * Poll a document, with growing delays, until the worker has processed it.
   * @param {string} id
   */
  async function follow(id) {
    if (followed.has(id)) return;
    followed.add(id);
    await attempt(async () => {
      for (let delay = FIRST_POLL_MS; isInProgress(documents.get(id)); delay = Math.min(delay * 1.5, MAX_POLL_MS)) {
        await new Promise((resolve) => setTimeout(resolve, delay));
        await poll(id);
      }
    });
    followed.delete(id);
  }

  /** @param {string} id */
  async function poll(id) {
    const known = documents.get(id);
    // The list may have been reloaded with another key.
    if (!known) return;
    const name = nameOf(known);
    try {
      const current = await getDocument(id);
      // Until the worker has deleted the document, the service still reports its previous state.
      if (!documents.has(id) || documents.get(id)?.state === "deleting") return;
      putRow(current);
      if (current.state === "rejected" || current.update?.state === "rejected") status.textContent = `“${name}” was rejected.`;
      else if (!isInProgress(current)) status.textContent = `“${nameOf(current)}” is ready. You can ask about it.`;
    } catch (error) {
      if (!(error instanceof UserFacingError) || error.status !== 404) throw error;
      removeRow(id);
      status.textContent = `“${name}” was deleted.`;
    }
    notify();
  }

  /** @param {ListedDocument} document */
  function putRow(document) {
    const { id } = document;
    const merged = { ...documents.get(id), ...document };
    documents.set(id, merged);
    let row = rows.get(id);
    if (!row) {
      row = createDocumentRow(() => confirmAndDelete(id));
      rows.set(id, row);
      if (document.state === "uploading") list.prepend(row.element);
      else list.append(row.element);
    }
    row.update(merged);
  }

  /** @param {string} id */
  function removeRow(id) {
    documents.delete(id);
    rows.get(id)?.element.remove();
    rows.delete(id);
  }

  function notify() {
    count.textContent = documents.size > 0 ? `${documents.size}` : "";
    onChange(/** @type {Document[]} */ ([...documents.values()]));
  }

  /**
   * Run an action and show its error, one line per error.
   * @param {() => Promise<void>} action
   */
  async function attempt(action) {
    try {
      await action();
    } catch (error) {
      failure.append(`${messageOf(error)}\n`);
    }
  }

  return { load, upload, chooseFiles };
}

/**
 * Return true if the document, or an update of a ready document, is still being processed.
 * @param {ListedDocument | undefined} document
 */
function isInProgress(document) {
  return IN_PROGRESS.has(document?.state ?? "") || IN_PROGRESS.has(document?.update?.state ?? "");
}

/**
 * Convert a file name to a valid id. Uploading the same file name again replaces the document.
 * @param {string} fileName
 */
function toId(fileName) {
  return fileName.normalize("NFC").replace(/[^\p{Alphabetic}\p{M}\p{Nd}_.-]+/gu, "-").slice(-MAX_ID_LENGTH);
}
