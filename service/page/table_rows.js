/**
 * Rows of a document's table. Ingestion writes each row as one line, `label: value | label: value`.
 *
 * Several rows with the same labels become a table. The values of one row alone are often long, so each stands beside
 * its label.
 */

const BETWEEN_CELLS = " | ";
const CELL = /^([^|:]{1,60}): (.+)$/;
const MARKERS = /^(?:\s*\[\d{1,3}\])+\s*$/;

/** @type {import("./vendor/marked.js").TokenizerExtension} */
export const tableRows = {
  name: "table rows",
  level: "block",
  // A paragraph ends before a row.
  start(source) {
    let at = 0;
    for (const line of source.split("\n")) {
      if (at > 0 && readRow(line)) return at;
      at += line.length + 1;
    }
    return undefined;
  },
  tokenizer(source) {
    const lines = source.split("\n", 1_000);
    const labels = readRow(lines[0])?.labels;
    if (!labels) return undefined;
    const rows = [];
    let taken = 0;
    for (const line of lines) {
      const row = readRow(line);
      if (row?.labels.join(BETWEEN_CELLS) !== labels.join(BETWEEN_CELLS)) break;
      rows.push(row.values);
      taken += 1;
    }
    // Markers on a line of their own cite the rows above.
    if (MARKERS.test(lines[taken] ?? "")) {
      const last = rows[rows.length - 1];
      last.push(`${last.pop()} ${lines[taken]}`);
      taken += 1;
    }
    /** @param {string} text */
    const toCell = (text) => ({ text, tokens: this.lexer.inline(text), header: false, align: null });
    const raw = source.slice(0, lines.slice(0, taken).join("\n").length + 1);
    const header = labels.map(toCell);
    const cells = rows.map((values) => values.map(toCell));
    if (rows.length > 1) return { type: "table", raw, header, rows: cells };
    return { type: "row", raw, pairs: header.map((label, index) => [label, cells[0][index]]) };
  },
};

/** @param {string} line */
function readRow(line) {
  const cells = line.split(BETWEEN_CELLS).map((cell) => CELL.exec(cell));
  if (cells.length < 2 || cells.includes(null)) return undefined;
  return { labels: cells.map((cell) => cell?.[1] ?? ""), values: cells.map((cell) => cell?.[2] ?? "") };
}
