/**
 * Format the headings above a passage, without the document's title, which is shown next to them.
 * @param {{title: string, heading_path: string[]}} citation
 */
export function formatHeadingPath({ title, heading_path: path }) {
  return (path[0] === title ? path.slice(1) : path).join(" › ");
}
