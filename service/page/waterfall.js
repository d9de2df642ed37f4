/** Where an answer's time went: one bar for each stage, each beginning where the one before it ended. */

import { instantiate } from "./template.js";

/**
 * @param {HTMLElement} list
 * @param {Record<string, number>} timings Seconds, in the order in which the stages run, and their `total`.
 */
export function drawWaterfall(list, { total, ...stages }) {
  let start = 0;
  for (const [name, seconds] of Object.entries(stages)) {
    list.append(createStage(name, seconds, start / total, seconds / total));
    start += seconds;
  }
}

export function milliseconds(seconds) {
  const ms = seconds * 1000;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms).toLocaleString("en")} ms`;
}

function createStage(name, seconds, start, width) {
  const view = instantiate("stage");
  view.name.textContent = name.replaceAll("_", " ");
  view.time.textContent = milliseconds(seconds);
  view.bar.style.setProperty("--start", start);
  view.bar.style.setProperty("--width", width);
  return view.element;
}
