/** The document list: search, follow until processed, delete. */

import { deleteDocument, listDocuments, messageOf, UserFacingError } from "./api.js";
import { openDialog } from "./dialog.js";
import { describeChange, isInProgress } from "./document_progress.js";
import { nameOf } from "./document_row.js";
import { openDocumentRows } from "./document_rows.js";
import { elementById } from "./dom.js";
import { formatCount } from "./plural.js";
import { openUploads } from "./uploads.js";

/**
 * @typedef {import("./api.js").Document} Document
 * @typedef {import("./document_row.js").ListedDocument} ListedDocument
 */

const PAGE_SIZE = 50;
// The longest page that the service sends. Rows behind it are refreshed by a search only.
const MAX_PAGE_SIZE = 500;
const TYPING_MS = 200;
const FIRST_POLL_MS = 200;
const MAX_POLL_MS = 3000;
// A list that takes long, because the collection is large or the service is busy, is read less often.
const PAUSE_FACTOR = 10;
const UNAUTHORIZED = 401;

/** @param {{onChange: (documents: ListedDocument[]) => void}} options */
export function openDocuments({ onChange }) {
  const count = elementById("document-count", HTMLElement);
  const status = elementById("document-status", HTMLParagraphElement);
  const failure = elementById("document-failure", HTMLParagraphElement);
  const filter = elementById("document-filter", HTMLFormElement);
  const search = elementById("document-search", HTMLInputElement);
  const sort = elementById("document-sort", HTMLSelectElement);
  const stateFilter = elementById("document-state", HTMLSelectElement);
  const empty = elementById("document-empty", HTMLParagraphElement);
  const queueUnknown = elementById("document-queue", HTMLParagraphElement);
  const moreButton = elementById("more-documents", HTMLButtonElement);
  const rows = openDocumentRows({ onDelete: confirmAndDelete, onCleared: () => search.focus() });
  const { upload, chooseFiles } = openUploads({
    onBegin: showAll,
    onSending: showSending,
    onAccepted: showAccepted,
    onError: showError,
  });

  /** @type {string | null} The document that is being sent. It is shown first. */
  let sending = null;
  /** @type {Document[]} */
  let listed = [];
  /** @type {string | null} */
  let next = null;
  // Of several lists that are requested at once, only the latest is shown.
  let latestRequest = 0;
  let typingTimer = 0;
  let pollTimer = 0;
  let pollDelay = FIRST_POLL_MS;
  let isFailing = false;

  search.addEventListener("input", () => {
    clearTimeout(typingTimer);
    typingTimer = setTimeout(load, TYPING_MS);
  });
  sort.addEventListener("change", load);
  stateFilter.addEventListener("change", load);
  filter.addEventListener("submit", (event) => {
    event.preventDefault();
    load();
  });
  moreButton.addEventListener("click", () => read(loadMore));
  elementById("refresh-documents", HTMLButtonElement).addEventListener("click", async () => {
    await load();
    if (!isFailing) status.textContent = "The list is up to date.";
  });
  document.addEventListener("visibilitychange", followSoon);

  async function load() {
    clearTimeout(typingTimer);
    failure.textContent = "";
    await read(() => refresh(PAGE_SIZE));
  }

  /**
   * Read the beginning of the list again, with one request however many documents are in progress.
   * Resolves to false if another list was requested meanwhile, and this one is not shown.
   * @param {number} limit
   */
  async function refresh(limit) {
    clearTimeout(pollTimer);
    const request = ++latestRequest;
    const start = Date.now();
    const page = await listDocuments({ ...filters(), limit });
    if (request !== latestRequest) return false;
    const last = listed.findIndex(({ id }) => id === page.documents.at(-1)?.id);
    const behind = limit === MAX_PAGE_SIZE && page.next !== null ? listed.slice(last + 1) : [];
    const ids = new Set(page.documents.map(({ id }) => id));
    listed = [...page.documents, ...behind.filter(({ id }) => !ids.has(id))];
    if (behind.length === 0) next = page.next;
    queueUnknown.hidden = page.queue !== null;
    show();
    follow(PAUSE_FACTOR * (Date.now() - start));
    return true;
  }

  async function loadMore() {
    const request = ++latestRequest;
    clearTimeout(pollTimer);
    const page = await listDocuments({ ...filters(), limit: PAGE_SIZE, cursor: next ?? "" });
    if (request !== latestRequest) return false;
    const ids = new Set(listed.map(({ id }) => id));
    listed = [...listed, ...page.documents.filter(({ id }) => !ids.has(id))];
    next = page.next;
    show();
    followSoon();
    return true;
  }

  function filters() {
    const by = /** @type {"time" | "title" | "id"} */ (sort.value);
    return { q: search.value.trim(), state: stateFilter.value, sort: by };
  }

  /** Read the list again soon, and then less and less often, as long as a shown document is in progress. */
  function followSoon() {
    pollDelay = FIRST_POLL_MS;
    follow(0);
  }

  /** @param {number} pause The shortest time until the next list in milliseconds. */
  function follow(pause) {
    clearTimeout(pollTimer);
    if (document.hidden || !listed.some(isInProgress)) return;
    pollTimer = setTimeout(poll, Math.max(pause, pollDelay));
    pollDelay = Math.min(pollDelay * 1.5, MAX_POLL_MS);
  }

  async function poll() {
    await read(async () => {
      const before = listed;
      const isShown = await refresh(Math.min(Math.max(listed.length, PAGE_SIZE), MAX_PAGE_SIZE));
      if (isShown) announce(before);
      return isShown;
    });
  }

  /**
   * Run an action that reads the list. After an error, show it, and read the list again after a while.
   * @param {() => Promise<boolean>} action Resolves to false if another list was requested meanwhile.
   */
  async function read(action) {
    try {
      if (!(await action())) return;
      if (isFailing) failure.textContent = "";
      isFailing = false;
    } catch (error) {
      if (isFailing) failure.textContent = "";
      isFailing = true;
      showError(error);
      // After the key dialog was cancelled, it must not open again every few seconds.
      if (error instanceof UserFacingError && error.status === UNAUTHORIZED) return;
      clearTimeout(pollTimer);
      pollTimer = setTimeout(poll, PAUSE_FACTOR * MAX_POLL_MS);
    }
  }

  /** Show the whole list before files are sent. Otherwise the user would not see what becomes of them. */
  async function showAll() {
    failure.textContent = "";
    if (!isFiltered()) return;
    search.value = "";
    stateFilter.value = "";
    await read(() => refresh(PAGE_SIZE));
  }

  /** @param {string | null} id */
  function showSending(id) {
    sending = id;
    show();
  }

  /**
   * Show the accepted upload until the next list has it.
   * @param {Document} accepted
   */
  function showAccepted({ id, state }) {
    // A list that was requested before may lack the document.
    latestRequest += 1;
    const known = find(id);
    const isReady = known?.state === "ready";
    /** @type {Document} */
    const shown = isReady ? { ...known, update: { state: "queued", reason: null } } : { id, state };
    listed = [shown, ...listed.filter((document) => document.id !== id)];
    followSoon();
  }

  /** @param {string[]} ids */
  async function confirmAndDelete(ids) {
    const [first] = ids;
    const what = ids.length === 1 ? `“${nameOf(find(first) ?? { id: first })}”` : formatCount(ids.length, "document");
    elementById("delete-title", HTMLHeadingElement).textContent = `Delete ${what}?`;
    if ((await openDialog(elementById("delete-dialog", HTMLDialogElement))) !== "delete") return;
    // One after another, so that a large selection does not open a connection for each document.
    for (const id of ids) await remove(id);
    followSoon();
  }

  /** @param {string} id */
  async function remove(id) {
    try {
      await deleteDocument(id);
    } catch (error) {
      showError(error);
      return;
    }
    latestRequest += 1;
    rows.deselect(id);
    listed = listed.map((document) => (document.id === id ? { ...document, state: "deleting" } : document));
    show();
  }

  /**
   * Announce what has become of documents that were in progress.
   * @param {Document[]} before
   */
  function announce(before) {
    const now = new Map(listed.map((document) => [document.id, document]));
    for (const known of before) {
      const news = describeChange(known, now.get(known.id));
      if (news) status.textContent = news;
    }
  }

  function show() {
    /** @type {ListedDocument[]} */
    const sent = sending === null ? [] : [{ ...find(sending), id: sending, state: "uploading" }];
    const shown = [...sent, ...listed.filter(({ id }) => id !== sending)];
    rows.show(shown);
    count.textContent = shown.length > 0 ? `${shown.length}${next ? "+" : ""}` : "";
    moreButton.hidden = next === null;
    filter.hidden = shown.length === 0 && !isFiltered();
    empty.hidden = shown.length > 0 || !isFiltered();
    if (!isFiltered()) onChange(shown);
  }

  function isFiltered() {
    return search.value.trim() !== "" || stateFilter.value !== "";
  }

  /** @param {string} id */
  function find(id) {
    return listed.find((document) => document.id === id);
  }

  /**
   * Show an error in a line of its own.
   * @param {unknown} error
   */
  function showError(error) {
    failure.append(`${messageOf(error)}\n`);
  }

  return { load, upload, chooseFiles };
}
