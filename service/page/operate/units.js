/** Numbers as people read them. A unit is a name and a way to write. */

import { milliseconds } from "../waterfall.js";

export const SECONDS = { name: "seconds", write: (value) => (value === 0 || value >= 1 ? `${short(value)} s` : milliseconds(value)) };
export const PER_SECOND = { name: "per second", write: (value) => `${short(value)} /s` };
export const SHARE = { name: "share", write: (value) => `${short(value * 100)} %` };
export const COUNT = { name: "number", write: short };
export const AT_ONCE = { name: "answers at once", write: short };

/** Three digits, and no more than three of them behind the point. */
function short(value) {
  const places = value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString("en", { maximumFractionDigits: value < 1 ? 3 : places });
}
