/** The drift panel: one bar per feature, with a mark at the value that chance rarely exceeds. */

import { instantiate } from "../dom.js";
import { formatCount } from "../plural.js";
import { psiByFeature } from "./psi.js";

const MIN_SCALE = 0.4;

/** @param {{list: HTMLElement, empty: HTMLElement}} panel */
export function openDrift({ list, empty }) {
  /** @param {import("./snapshots.js").Snapshot} snapshot */
  function draw(snapshot) {
    const features = psiByFeature(snapshot);
    empty.hidden = features.length > 0;
    const drawn = features.filter(({ questions, required }) => questions >= required);
    const scale = Math.max(MIN_SCALE, ...drawn.flatMap(({ psi, chance }) => [psi, chance]));
    list.replaceChildren(...features.map((feature) => createRow(feature, scale)));
  }

  return { draw };
}

/**
 * @param {import("./psi.js").FeaturePsi} feature
 * @param {number} scale The value at the end of the bar.
 */
function createRow({ feature, psi, chance, questions, required }, scale) {
  const view = instantiate("feature");
  const value = /** @type {HTMLDataElement} */ (view.value);
  const hasEnough = questions >= required;
  const hasDrifted = hasEnough && psi > chance;
  view.name.textContent = feature.replaceAll("_", " ");
  view.track.hidden = !hasEnough;
  view.bar.classList.toggle("drifted", hasDrifted);
  view.bar.style.setProperty("--width", `${psi / scale}`);
  view.mark.style.setProperty("--start", `${chance / scale}`);
  value.textContent = hasEnough
    ? `${psi.toFixed(2)}${hasDrifted ? ", drifted" : ""} (by chance up to ${chance.toFixed(2)})`
    : `${formatCount(questions, "question")} of ${required} required`;
  value.value = hasEnough ? `${psi}` : "";
  return view.element;
}
