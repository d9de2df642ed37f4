/** Lines or stacked bands over time, drawn as an SVG at the available width. */

import { ticksUpTo } from "./axis.js";

const HEIGHT = 168;
const MARGIN = { top: 10, right: 8, bottom: 24, left: 56 };
const MIN_WIDTH = 240;
const MIN_MINUTES = 2;
const MINUTE_MS = 60_000;
const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {(number | null)[]} Values One value per time; null without data.
 * @typedef {{name: string, tone: string, values: Values}} Series
 */

/**
 * @param {number} width In pixels.
 * @param {{times: number[], series: Series[], format: (value: number) => string, isStacked: boolean,
 *   longestGap: number}} data
 *   Times in milliseconds, ascending. A line is interrupted by a gap longer than `longestGap`.
 */
export function createPlot(width, { times, series, format, isStacked, longestGap }) {
  const right = Math.max(width, MIN_WIDTH) - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const svg = create("svg", { width: right + MARGIN.right, height: HEIGHT, "aria-hidden": true });
  const bands = isStacked ? stack(series) : series.map(({ values }) => ({ tops: values, floors: null }));
  const ticks = ticksUpTo(Math.max(0, ...bands.flatMap(({ tops }) => tops.filter(isNumber))));
  const last = times[times.length - 1];
  const minutes = Math.max(MIN_MINUTES, Math.ceil((last - times[0]) / MINUTE_MS));
  /** @param {number} time */
  const x = (time) => right - ((last - time) / (minutes * MINUTE_MS)) * (right - MARGIN.left);
  /** @param {number} value */
  const y = (value) => bottom - (value / ticks[ticks.length - 1]) * (bottom - MARGIN.top);

  for (const tick of ticks) {
    svg.append(create("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y(tick), y2: y(tick) }));
    svg.append(createLabel(format(tick), { class: "tick", x: MARGIN.left - 8, y: y(tick), "text-anchor": "end", dy: "0.35em" }));
  }
  svg.append(createLabel(`${minutes} min ago`, { class: "tick", x: MARGIN.left, y: HEIGHT - 4 }));
  svg.append(createLabel("now", { class: "tick", x: right, y: HEIGHT - 4, "text-anchor": "end" }));
  bands.forEach(({ tops, floors }, index) => {
    /** @param {Values} values */
    const toPoints = (values) => values.map((value, i) => (isNumber(value) ? [x(times[i]), y(value)] : null));
    for (const [start, end] of runsWithoutGap(times, tops, longestGap)) {
      const top = toPoints(tops).slice(start, end);
      const floor = floors ? toPoints(floors).slice(start, end).reverse() : [];
      // A line of one point is drawn as a dot, because its ends are round.
      const d = floors ? `M${[...top, ...floor].join("L")}Z` : `M${top.join("L")}${top.length === 1 ? "h0" : ""}`;
      svg.append(create("path", { class: `${floors ? "band" : "line"} ${series[index].tone}`, d }));
    }
  });
  return svg;
}

/**
 * @param {unknown} value
 * @returns {value is number}
 */
const isNumber = (value) => typeof value === "number";

/**
 * Stack the series and return the lower and upper edge of each band, from the bottom up.
 * @param {Series[]} series
 */
function stack(series) {
  /** @type {Values} */
  let floors = series[0]?.values.map((value) => (isNumber(value) ? 0 : null)) ?? [];
  return series.map(({ values }) => {
    const tops = floors.map((floor, index) => (isNumber(floor) ? floor + (values[index] ?? 0) : null));
    const band = { tops, floors };
    floors = tops;
    return band;
  });
}

/**
 * Return the start and end index of each run of values without a gap.
 * @param {number[]} times
 * @param {Values} values
 * @param {number} longestGap
 */
function runsWithoutGap(times, values, longestGap) {
  /** @type {[number, number][]} */
  const runs = [];
  let start = -1;
  values.forEach((value, index) => {
    const isAfterGap = index > 0 && times[index] - times[index - 1] > longestGap;
    if (start >= 0 && (isAfterGap || !isNumber(value))) {
      runs.push([start, index]);
      start = -1;
    }
    if (start < 0 && isNumber(value)) start = index;
  });
  if (start >= 0) runs.push([start, values.length]);
  return runs;
}

/** @typedef {Record<string, string | number | boolean>} Attributes */

/**
 * @param {string} text
 * @param {Attributes} attributes
 */
function createLabel(text, attributes) {
  const element = create("text", attributes);
  element.textContent = text;
  return element;
}

/**
 * @param {string} name
 * @param {Attributes} attributes
 */
function create(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, `${value}`);
  return element;
}
