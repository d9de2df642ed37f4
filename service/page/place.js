/** The position of a passage in its document, in words. */

/**
 * Describe the place in words, such as "sheet Sales, rows 4–9", or return "" if nothing is known.
 * @param {import("./api.js").Place} place
 */
export function formatPlace({ page, slide, sheet, rows, line }) {
  const [first, last] = rows ?? [];
  const parts = [
    page && `page ${page}`,
    slide && `slide ${slide}`,
    sheet && `sheet ${sheet}`,
    first && (first === last ? `row ${first}` : `rows ${first}–${last}`),
    // The rows of a file are its lines, too.
    line && !rows && `line ${line}`,
  ];
  return parts.filter(Boolean).join(", ");
}
