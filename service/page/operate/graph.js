/** One panel of the view: its title, description and plot, and its values as a table. */

import { instantiate } from "../dom.js";
import { createPlot } from "./plot.js";

const TONES = 6;

/**
 * @typedef {import("./panels.js").Panel} Panel
 * @typedef {import("./panels.js").Reading} Reading
 * @typedef {import("./plot.js").Series} Series
 */

/** @param {Panel} panel */
export function createGraph(panel) {
  const view = instantiate("graph");
  view.title.textContent = panel.title;
  view.unit.textContent = panel.unit.name;
  view.description.textContent = panel.description;
  view.caption.textContent = panel.title;
  view.plot.ariaLabel = `${panel.title}: no values yet`;

  /**
   * @param {number[]} times
   * @param {(Reading | null)[]} readings The panel's reading at each time.
   * @param {number} longestGap
   */
  function draw(times, readings, longestGap) {
    const series = toSeries(readings, panel.tones ?? {});
    view.numbers.hidden = view.plot.hidden = series.length === 0;
    view.empty.textContent = series.length === 0 ? `${panel.emptyText} in this period.` : "";
    if (series.length === 0) return;
    const { format } = panel.unit;
    const data = { times, series, format, isStacked: panel.isStacked ?? false, longestGap };
    view.plot.replaceChildren(createPlot(view.plot.clientWidth, data));
    view.plot.ariaLabel = `${panel.title}. ${series.map((one) => describe(one, panel)).join("; ")}`;
    view.rows.replaceChildren(...series.map((one) => createRow(one, panel)));
  }

  return { element: view.element, draw };
}

/**
 * Convert readings to series and drop the series that never had a value.
 * @param {(Reading | null)[]} readings
 * @param {Record<string, string>} tones
 * @returns {Series[]}
 */
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

/**
 * @param {Series} series
 * @param {Panel} panel
 */
function createRow({ name, tone, values }, panel) {
  const view = instantiate("series");
  const [now, maximum] = /** @type {HTMLDataElement[]} */ ([view.now, view.maximum]);
  const latest = values.at(-1) ?? null;
  view.key.classList.add(tone);
  view.name.textContent = name;
  now.textContent = formatValue(latest, panel);
  now.value = `${latest ?? ""}`;
  maximum.textContent = panel.unit.format(maximumOf(values));
  maximum.value = `${maximumOf(values)}`;
  return view.element;
}

/**
 * @param {Series} series
 * @param {Panel} panel
 */
function describe({ name, values }, panel) {
  const latest = formatValue(values.at(-1) ?? null, panel);
  return `${name}: now ${latest}, maximum ${panel.unit.format(maximumOf(values))}`;
}

/**
 * @param {number | null} value
 * @param {Panel} panel
 */
function formatValue(value, { unit, emptyText }) {
  return value === null ? emptyText.toLowerCase() : unit.format(value);
}

/** @param {(number | null)[]} values */
const maximumOf = (values) => Math.max(...values.filter((value) => value !== null));
