/** The documents: list, upload, follow until they are ready, delete. */

import { deleteDocument, Failure, getDocument, listDocuments, putDocument } from "./api.js";
import { decide } from "./dialog.js";
import { createDocumentRow, nameOf } from "./document_row.js";

// The service knows better than browsers do what a suffix means.
const UNDECLARED = "application/octet-stream";
const UNDER_WAY = new Set(["queued", "processing", "deleting"]);
const MAX_ID_LENGTH = 200;
const FIRST_LOOK_MS = 200;
const LONGEST_WAIT_MS = 3000;

export function openDocuments({ onChange }) {
  const list = document.getElementById("document-list");
  const count = document.getElementById("document-count");
  const news = document.getElementById("document-news");
  const failure = document.getElementById("document-failure");
  const input = document.getElementById("files");
  const known = new Set(input.accept.split(",").map((suffix) => suffix.trim()));

  /** @type {Map<string, import("./api.js").Document>} */
  const documents = new Map();
  /** @type {Map<string, ReturnType<typeof createDocumentRow>>} */
  const rows = new Map();
  /** @type {Set<string>} */
  const followed = new Set();

  document.getElementById("add-documents").addEventListener("click", choose);
  input.addEventListener("change", async () => {
    await upload(input.files);
    // Otherwise choosing the same file again would not be a change.
    input.value = "";
  });

  function choose() {
    input.click();
  }

  async function load() {
    failure.textContent = "";
    await attempt(async () => {
      const before = [...documents.keys()];
      const listed = await listDocuments();
      // What was dropped on the page meanwhile is not in the list yet.
      before.forEach(forget);
      listed.forEach(put);
      changed();
      listed.forEach(({ id }) => follow(id));
    });
  }

  /** @param {Iterable<File>} files */
  async function upload(files) {
    failure.textContent = "";
    // One after another: a folder's worth of files must not open a folder's worth of connections.
    for (const file of [...files]) await attempt(() => uploadOne(file));
  }

  async function uploadOne(file) {
    const suffix = `.${file.name.split(".").pop().toLowerCase()}`;
    if (!known.has(suffix)) throw new Failure(`“${file.name}” was not added: ${suffix} files cannot be read.`);
    const id = toId(file.name);
    const before = documents.get(id);
    put({ id, state: "uploading" });
    changed();
    try {
      put(await putDocument(id, file, UNDECLARED));
    } catch (error) {
      if (before) put(before);
      else forget(id);
      changed();
      throw new Failure(`“${file.name}” was not added. ${error.message}`);
    }
    follow(id);
  }

  async function remove(id) {
    document.getElementById("delete-title").textContent = `Delete “${nameOf(documents.get(id))}”?`;
    if ((await decide(document.getElementById("delete-dialog"))) !== "delete") return;
    await attempt(async () => {
      await deleteDocument(id);
      put({ id, state: "deleting" });
      follow(id);
    });
  }

  /** Looks again and again, less and less often, until the worker is done with the document. */
  async function follow(id) {
    if (followed.has(id)) return;
    followed.add(id);
    await attempt(async () => {
      for (let wait = FIRST_LOOK_MS; isUnderWay(documents.get(id)); wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        await look(id);
      }
    });
    followed.delete(id);
  }

  async function look(id) {
    // The list was read anew in between, with another key.
    if (!documents.has(id)) return;
    const name = nameOf(documents.get(id));
    try {
      const seen = await getDocument(id);
      // Until the worker has deleted it, the service still shows it as it was.
      if (!documents.has(id) || documents.get(id).state === "deleting") return;
      put(seen);
      if (seen.state === "rejected" || seen.update?.state === "rejected") news.textContent = `“${name}” was rejected.`;
      else if (!isUnderWay(seen)) news.textContent = `“${nameOf(seen)}” is ready: ask about it.`;
    } catch (error) {
      if (error.status !== 404) throw error;
      forget(id);
      news.textContent = `“${name}” is deleted.`;
    }
    changed();
  }

  function put(document) {
    const { id } = document;
    documents.set(id, { ...documents.get(id), ...document });
    if (!rows.has(id)) {
      rows.set(id, createDocumentRow(() => remove(id)));
      if (document.state === "uploading") list.prepend(rows.get(id).element);
      else list.append(rows.get(id).element);
    }
    rows.get(id).update(documents.get(id));
  }

  function forget(id) {
    documents.delete(id);
    rows.get(id)?.element.remove();
    rows.delete(id);
  }

  function changed() {
    count.textContent = documents.size || "";
    onChange([...documents.values()]);
  }

  /** Failures are sentences already; those of several files stand one below the other. */
  async function attempt(action) {
    try {
      await action();
    } catch (error) {
      failure.append(`${error.message}\n`);
    }
  }

  return { load, upload, choose };
}

/** A document that searches see may have a newer version on its way. */
function isUnderWay(document) {
  return UNDER_WAY.has(document?.state) || UNDER_WAY.has(document?.update?.state);
}

/** The file's name, so that uploading it again replaces it, in the signs that an id may have. */
function toId(fileName) {
  return fileName.normalize("NFC").replace(/[^\p{Alphabetic}\p{M}\p{Nd}_.-]+/gu, "-").slice(-MAX_ID_LENGTH);
}
