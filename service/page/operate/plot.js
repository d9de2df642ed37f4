/** Lines or stacked bands over time, as an SVG of as many pixels as there is room for. */

import { ticksUpTo } from "./scale.js";

const HEIGHT = 168;
const MARGIN = { top: 10, right: 8, bottom: 24, left: 56 };
const LEAST_WIDTH = 240;
const LEAST_MINUTES = 2;
const MINUTE_MS = 60_000;
const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {{name: string, tone: string, values: (number | null)[]}} Series One value for each time; null: nothing.
 * @param {number} width In pixels.
 * @param {{times: number[], series: Series[], write: (value: number) => string, isStacked: boolean, longestGap: number}} data
 *   Times in milliseconds, ascending; a line does not bridge a gap longer than `longestGap`.
 */
export function createPlot(width, { times, series, write, isStacked, longestGap }) {
  const right = Math.max(width, LEAST_WIDTH) - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const svg = create("svg", { width: right + MARGIN.right, height: HEIGHT, "aria-hidden": true });
  const bands = isStacked ? stacked(series) : series.map(({ values }) => ({ tops: values, floors: null }));
  const ticks = ticksUpTo(Math.max(0, ...bands.flatMap(({ tops }) => tops.filter(isNumber))));
  const last = times.at(-1);
  const minutes = Math.max(LEAST_MINUTES, Math.ceil((last - times[0]) / MINUTE_MS));
  const x = (time) => right - ((last - time) / (minutes * MINUTE_MS)) * (right - MARGIN.left);
  const y = (value) => bottom - (value / ticks.at(-1)) * (bottom - MARGIN.top);

  for (const tick of ticks) {
    svg.append(create("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y(tick), y2: y(tick) }));
    svg.append(label(write(tick), { class: "tick", x: MARGIN.left - 8, y: y(tick), "text-anchor": "end", dy: "0.35em" }));
  }
  svg.append(label(`${minutes} min ago`, { class: "tick", x: MARGIN.left, y: HEIGHT - 4 }));
  svg.append(label("now", { class: "tick", x: right, y: HEIGHT - 4, "text-anchor": "end" }));
  bands.forEach(({ tops, floors }, index) => {
    const at = (values) => values.map((value, i) => (isNumber(value) ? [x(times[i]), y(value)] : null));
    for (const [from, to] of runs(times, tops, longestGap)) {
      const top = at(tops).slice(from, to);
      const floor = floors && at(floors).slice(from, to).reverse();
      // A line of one point is a dot, because its ends are round.
      const d = floors ? `M${[...top, ...floor].join("L")}Z` : `M${top.join("L")}${top.length === 1 ? "h0" : ""}`;
      svg.append(create("path", { class: `${floors ? "band" : "line"} ${series[index].tone}`, d }));
    }
  });
  return svg;
}

const isNumber = (value) => typeof value === "number";

/** The bands of a stack, each between its floor and its top, from the bottom up. */
function stacked(series) {
  let floors = series[0]?.values.map((value) => (isNumber(value) ? 0 : null)) ?? [];
  return series.map(({ values }) => {
    const tops = floors.map((floor, index) => (isNumber(floor) ? floor + (values[index] ?? 0) : null));
    const band = { tops, floors };
    floors = tops;
    return band;
  });
}

/** Beginnings and ends of the stretches without a gap. */
function runs(times, values, longestGap) {
  const found = [];
  let from = null;
  values.forEach((value, index) => {
    const isTorn = index > 0 && times[index] - times[index - 1] > longestGap;
    if (from !== null && (isTorn || !isNumber(value))) {
      found.push([from, index]);
      from = null;
    }
    if (from === null && isNumber(value)) from = index;
  });
  if (from !== null) found.push([from, values.length]);
  return found;
}

function label(text, attributes) {
  const element = create("text", attributes);
  element.textContent = text;
  return element;
}

function create(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
