/** Finds citation markers such as [1] in text that arrives in pieces. */

const MARKER = /\[(\d{1,3})\]/;
const UNFINISHED_MARKER = /\[\d{0,3}$/;

export class MarkerSplitter {
  #held = "";

  /**
   * Text as strings, markers as numbers, in order. What may be the beginning of a marker is held back.
   * @returns {(string | number)[]}
   */
  push(text) {
    const all = this.#held + text;
    const end = all.search(UNFINISHED_MARKER);
    this.#held = end < 0 ? "" : all.slice(end);
    return split(end < 0 ? all : all.slice(0, end));
  }

  /** What was held back, now that nothing follows. */
  flush() {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}

function split(text) {
  // Splitting by a group puts the group's match at every odd place.
  return text
    .split(MARKER)
    .map((piece, index) => (index % 2 ? Number(piece) : piece))
    .filter((piece) => piece !== "");
}
