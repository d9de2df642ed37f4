/** How many documents are in which state, as far as whoever looks may know. */

import { Failure, listDocuments } from "../api.js";

// A list of thousands takes its time: it is asked for in a twentieth of the time at most.
const PAUSE = 20;
const STATES = ["queued", "processing", "rejected"];

export function openUploads() {
  /** @type {Record<string, number> | null} */
  let counts = null;
  let next = 0;

  /** The counts; those of a moment ago where the service is to be spared, null where it does not tell. */
  async function look() {
    const began = Date.now();
    if (began < next) return counts;
    try {
      counts = countStates(await listDocuments());
      next = Date.now() + PAUSE * (Date.now() - began);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // The metrics are there all the same, and nobody is asked for a key every few seconds.
      counts = null;
      next = Infinity;
    }
    return counts;
  }

  function askAgain() {
    next = 0;
  }

  return { look, askAgain };
}

function countStates(documents) {
  const count = (state) => documents.filter((one) => one.state === state || one.update?.state === state).length;
  return Object.fromEntries(STATES.map((state) => [state, count(state)]));
}
