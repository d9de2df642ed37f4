/** The number of documents in each state of the inbox, among those that the user may list. */

import { listDocuments, UserFacingError } from "../api.js";

// Counting thousands of documents takes time, so it may use at most a twentieth of the time.
const PAUSE_FACTOR = 20;

export function openDocumentCounts() {
  /** @type {Record<string, number> | null} */
  let counts = null;
  let nextRead = 0;

  /** Return the counts, from a cache if they were read recently, or null if they are not available. */
  async function read() {
    const start = Date.now();
    if (start < nextRead) return counts;
    try {
      counts = (await listDocuments({ sort: "time", limit: 1 })).queue;
      nextRead = Date.now() + PAUSE_FACTOR * (Date.now() - start);
    } catch (error) {
      if (!(error instanceof UserFacingError)) throw error;
      // The metrics are still shown, and the key dialog must not open every few seconds.
      counts = null;
      nextRead = Infinity;
    }
    return counts;
  }

  /** Read the counts again at the next call. */
  function reset() {
    nextRead = 0;
  }

  return { read, reset };
}
