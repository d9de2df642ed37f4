import { formatPlace } from "./place.js";

/**
 * Format the headings above a passage and its place, without the document's title, which is shown next to them.
 * @param {{title: string, heading_path: string[], place: import("./api.js").Place}} citation
 */
export function formatHeadingPath({ title, heading_path: path, place }) {
  const headings = (path[0] === title ? path.slice(1) : path).join(" › ");
  return [headings, formatPlace(place)].filter(Boolean).join(" · ");
}
