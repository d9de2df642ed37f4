/** Parse an answer's text into prose, code and citation markers such as [1]. */

// The closing fence may not have arrived yet.
const BLOCK = /^[ \t]*(?<fence>`{3,}|~{3,})[^\n]*\n(?<block>[^]*?)(?:^[ \t]*\k<fence>[ \t]*(?:\n|(?![^]))|(?![^]))/;
const CODE = /`(?<code>[^`\n]+)`/;
const MARKER = /\[(?<marker>\d{1,3})\]/;
const SPECIAL = new RegExp([BLOCK, CODE, MARKER].map(({ source }) => source).join("|"), "gm");

// Text that may become a marker or code is held back, so that its appearance does not change while it streams.
const UNFINISHED = /\s*(?:\[\d{0,3}|`+[^`\n]{0,60}\s*)?$/;
const BLOCK_END = /\n[ \t]*[`~]*$/;

/** @typedef {{kind: "text" | "marker" | "code" | "block", text: string}} Piece */

/**
 * Return the pieces in order. Only the last piece can still change while the text grows.
 * @param {string} text
 * @param {{isComplete: boolean}} options
 * @returns {Piece[]}
 */
export function parseAnswerText(text, { isComplete }) {
  /** @type {Piece[]} */
  const pieces = [];
  let end = 0;
  for (const { 0: match, index, groups } of text.matchAll(SPECIAL)) {
    pieces.push({ kind: "text", text: text.slice(end, index) }, toPiece(groups ?? {}));
    end = index + match.length;
  }
  const rest = text.slice(end);
  pieces.push({ kind: "text", text: isComplete ? rest : rest.replace(UNFINISHED, "") });
  return pieces.map(trimLineBreaks).filter((piece) => piece.text !== "");
}

/**
 * @param {Record<string, string>} groups
 * @returns {Piece}
 */
function toPiece({ block, code, marker }) {
  if (marker) return { kind: "marker", text: marker };
  if (code) return { kind: "code", text: code };
  return { kind: "block", text: block.replace(BLOCK_END, "") };
}

/**
 * Remove line breaks around blocks, which have their own margins, and before a marker, which ends the previous line.
 * @param {Piece} piece
 * @param {number} index
 * @param {Piece[]} pieces
 * @returns {Piece}
 */
function trimLineBreaks({ kind, text }, index, pieces) {
  if (kind !== "text") return { kind, text };
  const previous = pieces[index - 1]?.kind;
  const next = pieces[index + 1]?.kind;
  if (previous === "block") text = text.replace(/^\n+/, "");
  if (next === "block") text = text.replace(/\s+$/, "");
  if (next === "marker") text = text.replace(/(?<!\n)\n$/, " ");
  return { kind, text };
}
