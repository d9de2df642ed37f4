/**
 * Format a count with its noun: "1 passage", "12 passages".
 * @param {number} count
 * @param {string} noun
 */
export function formatCount(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
