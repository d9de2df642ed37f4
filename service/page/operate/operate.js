/** The view for whoever operates the service: looks at its metrics again and again while somebody looks at the view. */

import { Failure, readMetrics } from "../api.js";
import { partsOf } from "../template.js";
import { openDrift } from "./drift.js";
import { parse } from "./exposition.js";
import { createGraph } from "./graph.js";
import { PANELS } from "./panels.js";
import { openUploads } from "./uploads.js";

const EVERY_MS = 3000;
// A point stands for what happened in the minute before it, as a rate in Prometheus does.
const LOOK_BACK_MS = 60_000;
const MOST_POINTS = 300;
const START = "process_start_time_seconds";
const ELSEWHERE = new Set([403, 404]);
const WHAT_TO_DO =
  "The metrics are not available here: a proxy in front of the service may block /metrics. The Grafana dashboards have the same graphs.";
const WHO_ELSE = "The service was restarted, or there are several replicas. The Grafana dashboards show all of them.";
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** @param {HTMLElement} view */
export function openOperate(view) {
  const parts = partsOf(view);
  const graphs = PANELS.map(createGraph);
  const drift = openDrift({ list: parts.drift, none: parts.none });
  const uploads = openUploads();
  parts.graphs.prepend(...graphs.map(({ element }) => element));

  /** @type {import("./span.js").Look[]} Those of the last minute, all of one process. */
  let looks = [];
  /** @type {{at: number, readings: (Record<string, number | null> | null)[]}[]} One reading for each panel. */
  let points = [];
  let isShown = false;
  let isPaused = false;
  let isLooking = false;
  let timer = 0;

  parts.pause.addEventListener("click", () => (isPaused ? goOn() : pause()));
  document.addEventListener("visibilitychange", look);
  addEventListener("resize", draw);

  function show() {
    isShown = true;
    uploads.askAgain();
    draw();
    goOn();
  }

  function hide() {
    isShown = false;
    clearTimeout(timer);
  }

  function goOn() {
    isPaused = false;
    parts.pause.textContent = "Pause";
    look();
  }

  function pause() {
    isPaused = true;
    parts.pause.textContent = "Go on";
    clearTimeout(timer);
  }

  async function look() {
    clearTimeout(timer);
    if (!isShown || isPaused || isLooking || document.hidden) return;
    isLooking = true;
    try {
      const samples = await readSamples();
      add({ at: Date.now(), samples, documents: await uploads.look() });
      parts.failure.textContent = "";
    } catch (error) {
      parts.failure.textContent = sentenceFor(error);
      // Whoever declined to give a key is not asked again every few seconds.
      if (error.status === 401) pause();
    } finally {
      isLooking = false;
    }
    if (isShown && !isPaused) timer = setTimeout(look, EVERY_MS);
  }

  function add(now) {
    if (looks.length > 0 && startOf(looks[0]) !== startOf(now)) {
      looks = points = [];
      parts.restart.textContent = `Another process answered at ${TIME.format(now.at)}, so the graphs begin anew. ${WHO_ELSE}`;
    }
    looks = [...looks.filter(({ at }) => at >= now.at - LOOK_BACK_MS), now];
    const span = { before: looks[0], now };
    points = [...points, { at: now.at, readings: PANELS.map(({ read }) => read(span)) }].slice(-MOST_POINTS);
    parts.news.textContent = `Last look ${TIME.format(now.at)}.`;
    draw();
  }

  function draw() {
    if (!isShown || points.length === 0) return;
    const times = points.map(({ at }) => at);
    graphs.forEach((graph, index) => graph.draw(times, points.map(({ readings }) => readings[index]), LOOK_BACK_MS));
    drift.draw(looks.at(-1));
  }

  return { show, hide };
}

async function readSamples() {
  const samples = parse(await readMetrics());
  if (!samples.has("rag_build_info")) throw new Failure("What answers at /metrics is not this service.", { status: 404 });
  return samples;
}

const startOf = ({ samples }) => samples.get(START)?.get("")?.value;

function sentenceFor(error) {
  if (!(error instanceof Failure)) throw error;
  return ELSEWHERE.has(error.status) ? `${error.message} ${WHAT_TO_DO}` : error.message;
}
