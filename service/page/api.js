/** The service's HTTP surface as the page uses it. Whatever goes wrong leaves here as a `Failure`. */

import { readEvents } from "./events.js";
import { currentKey, replaceKey } from "./key.js";

/**
 * @typedef {{n: number, document_id: string, title: string, heading_path: string[], uri: string, score: number,
 *   similarity: number, text: string, quote: string | null}} Citation
 * @typedef {{id: string, answer: string, refused: boolean, citations: Citation[], model: string,
 *   mode: "quote" | "checked" | "generate",
 *   usage: {prompt_tokens: number | null, completion_tokens: number | null},
 *   timings: Record<string, number>}} Answer
 * @typedef {{id: string, title: string, uri: string, chunks: number, ingested_at: string,
 *   state: "queued" | "processing" | "ready" | "rejected", reason?: string,
 *   update?: {state: "queued" | "processing" | "rejected", reason: string | null} | null}} Document
 * @typedef {{id: string, refused: boolean, nearness: number | null, min_similarity: number, reranking: string | null,
 *   candidates: {n: number | null, title: string, heading_path: string[], similarity: number, bm25: number | null,
 *     score: number, rerank_score: number | null, fate: string, cited: boolean}[],
 *   prompt: {system: string, user: string, parts: {name: string, characters: number, tokens: number | null}[]} | null,
 *   versions: {model: string, prompt: {name: string, version: string, hash: string} | null, embedder: string,
 *     reranker: string | null, collection: string, revision: string}}} Explanation
 */

/** Its message is a sentence for whoever sits at the page, and says what to do. */
export class Failure extends Error {
  constructor(sentence, { status, cause } = {}) {
    super(sentence, { cause });
    /** Of the HTTP answer, where there was one. */
    this.status = status;
  }
}

/**
 * The events of one answer: `sources`, `token`s, `done`. An `error` event, or an end without `done`, is a Failure.
 * @param {{question: string, mode?: string}} request Without a mode, the service chooses.
 * @returns {AsyncGenerator<{event: string, data: any}>}
 */
export async function* streamAnswer(request, signal) {
  const response = await send("POST", "/v1/answers", {
    body: JSON.stringify({ ...request, stream: true }),
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    signal,
  });
  for await (const { event, data } of receive(response.body)) {
    if (event === "error") throw new Failure(sentenceOf(data), data);
    yield { event, data };
    if (event === "done") return;
  }
  throw brokenOff();
}

/** @returns {Promise<Explanation>} */
export async function explainAnswer(id) {
  const response = await send("GET", `/v1/answers/${encodeURIComponent(id)}/explain`);
  return response.json();
}

/** @returns {Promise<Document[]>} */
export async function listDocuments() {
  const response = await send("GET", "/v1/documents");
  return (await response.json()).documents;
}

/** @returns {Promise<Document>} */
export async function getDocument(id) {
  const response = await send("GET", documentPath(id));
  return response.json();
}

/** @returns {Promise<Document>} */
export async function putDocument(id, file, mediaType) {
  const response = await send("PUT", documentPath(id), { body: file, headers: { "Content-Type": mediaType } });
  return response.json();
}

export async function deleteDocument(id) {
  await send("DELETE", documentPath(id));
}

/** What the service measures of itself, in Prometheus's text format. */
export async function readMetrics() {
  const response = await send("GET", "/metrics", { headers: { Accept: "text/plain" } });
  return response.text();
}

const documentPath = (id) => `/v1/documents/${encodeURIComponent(id)}`;

async function send(method, path, { headers = {}, ...rest } = {}) {
  for (;;) {
    const key = currentKey();
    const authorization = key ? { Authorization: `Bearer ${key}` } : {};
    const response = await reach(path, { ...rest, method, headers: { ...headers, ...authorization } });
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (response.status !== 401 || !(await replaceKey(key))) throw failure;
  }
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Failure("The service cannot be reached. Check that it is running, then try again.", { cause: error });
  }
}

async function* receive(body) {
  try {
    for await (const { event, data } of readEvents(body)) yield { event, data: JSON.parse(data) };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw brokenOff(error);
  }
}

function brokenOff(cause) {
  return new Failure("The connection broke before the answer was complete. Ask again.", { cause });
}

async function failureOf(response) {
  const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  // A proxy in between answers in its own words, and mostly in HTML.
  const problem = isProblem
    ? await response.json()
    : { detail: `The service answered ${response.status} without a reason`, retryable: response.status >= 500 || response.status === 429 };
  return new Failure(sentenceOf(problem), { status: response.status });
}

function sentenceOf({ title, detail, errors = [], retryable }) {
  const fields = errors.map(({ field, message }) => `${field}: ${message}`);
  const sentence = [detail || title, ...fields].join("; ").replace(/[.\s]*$/, ".");
  return retryable ? `${sentence} Try again in a moment.` : sentence;
}
