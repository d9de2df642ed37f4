/** Numbers as people read them. A unit is a name and a way to write. */

import { milliseconds } from "../waterfall.js";

export const SECONDS = { name: "seconds", write: (value) => (value < 1 ? milliseconds(value) : `${short(value)} s`) };
export const PER_SECOND = { name: "per second", write: (value) => `${short(value)} /s` };
export const SHARE = { name: "share", write: (value) => `${short(value * 100)} %` };
export const COUNT = { name: "number", write: (value) => short(value) };

/** Three digits at most, and no more behind the point than tell something. */
function short(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: value < 1000 ? 3 : 4 });
}
