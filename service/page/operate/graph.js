/** One panel on the page: title, what it tells, the plot, and its numbers as a table. */

import { instantiate } from "../template.js";
import { createPlot } from "./plot.js";

const TONES = 6;

/** @param {import("./panels.js").Panel} panel */
export function createGraph(panel) {
  const view = instantiate("graph");
  view.title.textContent = panel.title;
  view.unit.textContent = panel.unit.name;
  view.tells.textContent = panel.tells;
  view.caption.textContent = panel.title;

  /**
   * @param {number[]} times
   * @param {(Record<string, number | null> | null)[]} readings What the panel reads at each of them.
   */
  function draw(times, readings, longestGap) {
    const series = toSeries(readings, panel.tones ?? {});
    view.numbers.hidden = view.plot.hidden = series.length === 0;
    view.empty.textContent = series.length === 0 ? `${panel.nothing} in this time.` : "";
    if (series.length === 0) return;
    const { write } = panel.unit;
    const data = { times, series, write, isStacked: panel.isStacked ?? false, longestGap };
    view.plot.replaceChildren(createPlot(view.plot.clientWidth, data));
    view.plot.ariaLabel = `${panel.title}. ${series.map((one) => describe(one, panel)).join("; ")}`;
    view.rows.replaceChildren(...series.map((one) => createRow(one, panel)));
  }

  return { element: view.element, draw };
}

/** Without the series that never had a value. */
function toSeries(readings, tones) {
  const names = [...new Set(readings.flatMap((reading) => Object.keys(reading ?? {})))];
  return names
    .map((name, index) => ({
      name,
      tone: `tone-${tones[name] ?? (index % TONES) + 1}`,
      values: readings.map((reading) => reading?.[name] ?? null),
    }))
    .filter(({ values }) => values.some((value) => value !== null));
}

function createRow({ name, tone, values }, panel) {
  const view = instantiate("series");
  view.key.classList.add(tone);
  view.name.textContent = name;
  const now = values.at(-1);
  view.now.textContent = written(now, panel);
  view.now.value = now ?? "";
  view.highest.textContent = panel.unit.write(highest(values));
  view.highest.value = highest(values);
  return view.element;
}

function describe({ name, values }, panel) {
  return `${name}: now ${written(values.at(-1), panel)}, at most ${panel.unit.write(highest(values))}`;
}

function written(value, { unit, nothing }) {
  return value === null ? nothing.toLowerCase() : unit.write(value);
}

const highest = (values) => Math.max(...values.filter((value) => value !== null));
