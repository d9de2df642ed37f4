/** The panel of drift: one bar for each feature, with a mark that chance alone seldom passes in any of them. */

import { counted } from "../counted.js";
import { instantiate } from "../template.js";
import { psiByFeature } from "./psi.js";

const SHORTEST_SCALE = 0.4;

/** @param {HTMLElement} panel */
export function openDrift(panel) {
  const { list, none } = panel;

  /** @param {import("./span.js").Look} look */
  function draw(look) {
    const features = psiByFeature(look);
    none.hidden = features.length > 0;
    const told = features.filter(({ questions, least }) => questions >= least);
    const scale = Math.max(SHORTEST_SCALE, ...told.flatMap(({ psi, chance }) => [psi, chance]));
    list.replaceChildren(...features.map((feature) => createRow(feature, scale)));
  }

  return { draw };
}

function createRow({ feature, psi, chance, questions, least }, scale) {
  const view = instantiate("feature");
  const isTold = questions >= least;
  const hasMoved = isTold && psi > chance;
  view.name.textContent = feature.replaceAll("_", " ");
  view.track.hidden = !isTold;
  view.bar.classList.toggle("moved", hasMoved);
  view.bar.style.setProperty("--width", psi / scale);
  view.mark.style.setProperty("--start", chance / scale);
  view.value.textContent = isTold
    ? `${psi.toFixed(2)}${hasMoved ? ", moved" : ""} (chance: up to ${chance.toFixed(2)})`
    : `${counted(questions, "question")} so far, ${least} are needed`;
  view.value.value = isTold ? psi : "";
  return view.element;
}
