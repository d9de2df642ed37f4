/** Reads an answer's text: what is prose, what is code, what is a citation marker such as [1]. */

// The closing fence may not have arrived yet.
const BLOCK = /^[ \t]*(?<fence>`{3,}|~{3,})[^\n]*\n(?<block>[^]*?)(?:^[ \t]*\k<fence>[ \t]*(?:\n|(?![^]))|(?![^]))/;
const CODE = /`(?<code>[^`\n]+)`/;
const MARKER = /\[(?<marker>\d{1,3})\]/;
const SPECIAL = new RegExp([BLOCK, CODE, MARKER].map(({ source }) => source).join("|"), "gm");

// What may be the beginning of something special is held back: nobody should see it change.
const UNFINISHED = /\s*(?:\[\d{0,3}|`+[^`\n]{0,60}\s*)?$/;
const BLOCK_END = /\n[ \t]*[`~]*$/;

/**
 * @typedef {{kind: "text" | "marker" | "code" | "block", text: string}} Piece
 * @returns {Piece[]} In order. Each piece but the last stays what it is while the text grows.
 */
export function readPieces(text, { isComplete }) {
  const pieces = [];
  let end = 0;
  for (const { 0: whole, index, groups } of text.matchAll(SPECIAL)) {
    pieces.push({ kind: "text", text: text.slice(end, index) }, pieceOf(groups));
    end = index + whole.length;
  }
  const rest = text.slice(end);
  pieces.push({ kind: "text", text: isComplete ? rest : rest.replace(UNFINISHED, "") });
  return pieces.map(withoutIdleLines).filter((piece) => piece.text !== "");
}

/** @returns {Piece} */
function pieceOf({ block, code, marker }) {
  if (marker) return { kind: "marker", text: marker };
  if (code) return { kind: "code", text: code };
  return { kind: "block", text: block.replace(BLOCK_END, "") };
}

/** A block has its own margins, and a marker belongs to the line that it follows. */
function withoutIdleLines({ kind, text }, index, pieces) {
  if (kind !== "text") return { kind, text };
  const previous = pieces[index - 1]?.kind;
  const next = pieces[index + 1]?.kind;
  if (previous === "block") text = text.replace(/^\n+/, "");
  if (next === "block") text = text.replace(/\s+$/, "");
  if (next === "marker") text = text.replace(/(?<!\n)\n$/, " ");
  return { kind, text };
}
