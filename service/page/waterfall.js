/** The duration of an answer's stages, drawn as one bar per stage. */

import { instantiate } from "./dom.js";

/**
 * @param {HTMLElement} list
 * @param {{total: number} & Record<string, number>} timings Seconds per stage in execution order, and their `total`.
 */
export function drawWaterfall(list, { total, ...stages }) {
  let start = 0;
  for (const [name, seconds] of Object.entries(stages)) {
    list.append(createStage(name, seconds, start / total, seconds / total));
    start += seconds;
  }
}

/** @param {number} seconds */
export function formatMilliseconds(seconds) {
  const ms = seconds * 1000;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms).toLocaleString("en")} ms`;
}

/**
 * @param {string} name
 * @param {number} seconds
 * @param {number} start A share of the total, like `width`.
 * @param {number} width
 */
function createStage(name, seconds, start, width) {
  const view = instantiate("stage");
  view.name.textContent = name.replaceAll("_", " ");
  view.time.textContent = formatMilliseconds(seconds);
  view.bar.style.setProperty("--start", `${start}`);
  view.bar.style.setProperty("--width", `${width}`);
  return view.element;
}
