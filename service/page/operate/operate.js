/** The operator's view: reads the service's metrics every few seconds while the view is visible. */

import { readMetrics, UserFacingError } from "../api.js";
import { partsOf } from "../dom.js";
import { openDocumentCounts } from "./document_counts.js";
import { openDrift } from "./drift.js";
import { createGraph } from "./graph.js";
import { PANELS } from "./panels.js";
import { parse } from "./prometheus_text.js";

/**
 * @typedef {import("./panels.js").Reading} Reading
 * @typedef {import("./snapshots.js").Snapshot} Snapshot
 */

const INTERVAL_MS = 3000;
// Each point covers the minute before it, like a rate over one minute in Prometheus.
const WINDOW_MS = 60_000;
const MAX_POINTS = 300;
const START_TIME = "process_start_time_seconds";
const BLOCKED_STATUSES = new Set([403, 404]);
const BLOCKED_ADVICE =
  "The metrics are not available here: a proxy in front of the service may block /metrics. The Grafana dashboards have the same graphs.";
const RESTART_ADVICE = "The service was restarted, or there are several replicas. The Grafana dashboards show all of them.";
const TIME_FORMAT = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** @param {HTMLElement} view */
export function openOperate(view) {
  const parts = partsOf(view);
  const graphs = PANELS.map(createGraph);
  const drift = openDrift({ list: parts.drift, empty: parts.driftEmpty });
  const documentCounts = openDocumentCounts();
  parts.graphs.prepend(...graphs.map(({ element }) => element));

  /** @type {Snapshot[]} The snapshots of the last minute, all of one process. */
  let snapshots = [];
  /** @type {{at: number, readings: (Reading | null)[]}[]} Each point has one reading per panel. */
  let points = [];
  let isShown = false;
  let isPaused = false;
  let isReading = false;
  let timer = 0;

  parts.pause.addEventListener("click", () => (isPaused ? resume() : pause()));
  document.addEventListener("visibilitychange", update);
  addEventListener("resize", draw);

  function show() {
    isShown = true;
    documentCounts.reset();
    draw();
    resume();
  }

  function hide() {
    isShown = false;
    clearTimeout(timer);
  }

  function resume() {
    isPaused = false;
    parts.pause.textContent = "Pause";
    update();
  }

  function pause() {
    isPaused = true;
    parts.pause.textContent = "Resume";
    clearTimeout(timer);
  }

  async function update() {
    clearTimeout(timer);
    if (!isShown || isPaused || isReading || document.hidden) return;
    isReading = true;
    try {
      const samples = await readSamples();
      add({ at: Date.now(), samples, documents: await documentCounts.read() });
      parts.failure.textContent = "";
    } catch (error) {
      if (!(error instanceof UserFacingError)) throw error;
      parts.failure.textContent = withAdvice(error);
      // After the key dialog was cancelled, it must not open again every few seconds.
      if (error.status === 401) pause();
    } finally {
      isReading = false;
    }
    if (isShown && !isPaused) timer = setTimeout(update, INTERVAL_MS);
  }

  /** @param {Snapshot} now */
  function add(now) {
    const time = TIME_FORMAT.format(now.at);
    if (snapshots.length > 0 && startTimeOf(snapshots[0]) !== startTimeOf(now)) {
      snapshots = [];
      points = [];
      parts.restart.textContent = `Another process answered at ${time}, so the graphs start over. ${RESTART_ADVICE}`;
    }
    snapshots = [...snapshots.filter(({ at }) => at >= now.at - WINDOW_MS), now];
    const span = { before: snapshots[0], now };
    points = [...points, { at: now.at, readings: PANELS.map(({ read }) => read(span)) }].slice(-MAX_POINTS);
    parts.updated.textContent = `Last update ${time}.`;
    draw();
  }

  function draw() {
    const latest = snapshots.at(-1);
    if (!isShown || !latest) return;
    const times = points.map(({ at }) => at);
    graphs.forEach((graph, index) => graph.draw(times, points.map(({ readings }) => readings[index]), WINDOW_MS));
    drift.draw(latest);
  }

  return { show, hide };
}

async function readSamples() {
  const samples = parse(await readMetrics());
  if (!samples.has("rag_build_info")) {
    throw new UserFacingError("The response of /metrics does not come from this service.", { status: 404 });
  }
  return samples;
}

/** @param {Snapshot} snapshot */
const startTimeOf = ({ samples }) => samples.get(START_TIME)?.get("")?.value;

/** @param {UserFacingError} error */
function withAdvice({ status, message }) {
  return BLOCKED_STATUSES.has(status ?? 0) ? `${message} ${BLOCKED_ADVICE}` : message;
}
