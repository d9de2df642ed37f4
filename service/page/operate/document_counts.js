/** The number of documents in each state, among those that the user may list. */

import { listDocuments, UserFacingError } from "../api.js";

// Listing thousands of documents takes time, so it may use at most a twentieth of the time.
const PAUSE_FACTOR = 20;
const STATES = ["queued", "processing", "rejected"];

export function openDocumentCounts() {
  /** @type {Record<string, number> | null} */
  let counts = null;
  let nextRead = 0;

  /** Return the counts, from a cache if the list was read recently, or null if the list is not available. */
  async function read() {
    const start = Date.now();
    if (start < nextRead) return counts;
    try {
      counts = countStates(await listDocuments());
      nextRead = Date.now() + PAUSE_FACTOR * (Date.now() - start);
    } catch (error) {
      if (!(error instanceof UserFacingError)) throw error;
      // The metrics are still shown, and the key dialog must not open every few seconds.
      counts = null;
      nextRead = Infinity;
    }
    return counts;
  }

  /** Read the list again at the next call. */
  function reset() {
    nextRead = 0;
  }

  return { read, reset };
}

/** @param {import("../api.js").Document[]} documents */
function countStates(documents) {
  /** @param {string} state */
  const count = (state) => documents.filter((one) => one.state === state || one.update?.state === state).length;
  return Object.fromEntries(STATES.map((state) => [state, count(state)]));
}
