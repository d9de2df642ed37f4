/** The service's HTTP API as the page uses it. Every error is thrown as a `UserFacingError`. */

import { currentKey, replaceKey } from "./api_key.js";
import { readEvents } from "./server_sent_events.js";

/**
 * @typedef {{page?: number, slide?: number, sheet?: string, rows?: number[], line?: number}} Place
 * @typedef {{n: number, document_id: string, title: string, heading_path: string[], place: Place, uri: string,
 *   ordinal: number, score: number, similarity: number, text: string, quote: string | null}} Citation
 * @typedef {{id: string, answer: string, declined: boolean, unsure: boolean, citations: Citation[], model: string,
 *   corrected: string | null,
 *   mode: "quote" | "checked" | "generate" | "agentic", finish_reason: "stop" | "length" | "content_filter" | null,
 *   usage: {prompt_tokens: number | null, completion_tokens: number | null},
 *   groundedness?: {supported: number, withheld: number, unsupported: {text: string, start: number}[]} | null,
 *   question: string, conversation?: {id: string, is_kept: boolean} | null,
 *   timings: {total: number} & Record<string, number>}} Answer
 * @typedef {{number: number, name: string, status: "started" | "done" | "failed", text: string}} Step
 * @typedef {{n: number, document_id: string, title: string, heading_path: string[], place: Place, uri: string,
 *   snippet: string, ordinal: number | null}} KeptCitation
 * @typedef {{answer_id: string, asked: string, question: string, answer: string, declined: boolean, unsure: boolean,
 *   citations: KeptCitation[], at: string}} Turn
 * @typedef {{id: string, title: string, turns: number, changed_at: string}} ConversationSummary
 * @typedef {"queued" | "processing" | "ready" | "empty" | "rejected" | "deleting"} DocumentState
 * @typedef {{code: string, message: string, count: number, place: string, loses_text: boolean}} Warning
 * @typedef {{id: string, title?: string | null, uri?: string, chunks?: number | null, ingested_at?: string | null,
 *   state: DocumentState, version?: string | null, warnings?: Warning[],
 *   reason?: string | null,
 *   update?: {state: "queued" | "processing" | "empty" | "rejected" | "unknown", reason: string | null} | null}} Document
 * @typedef {{q?: string, state?: string, sort?: "title" | "id" | "time", limit?: number, cursor?: string}} DocumentQuery
 * @typedef {{documents: Document[], next: string | null,
 *   queue: {queued: number, processing: number, empty: number, rejected: number, deleting: number} | null}} DocumentPage
 * @typedef {{n: number | null, title: string, heading_path: string[], place: Place, similarity: number,
 *   bm25: number | null,
 *   score: number, rerank_score: number | null, fate: string, cited: boolean}} Candidate
 * @typedef {{ordinal: number, heading_path: string[], place: Place, text: string}} DocumentPassage
 * @typedef {{name: string, characters: number, tokens: number | null}} PromptPart
 * @typedef {{id: string, declined: boolean, unsure: boolean, nearness: number | null, min_similarity: number,
 *   confidence: number | null, min_confidence: number, sure_confidence: number, reranking: string | null,
 *   candidates: Candidate[], prompt: {system: string, user: string, parts: PromptPart[]} | null,
 *   versions: {model: string, prompt: {name: string, version: string, hash: string} | null, embedder: string,
 *     reranker: string | null, collection: string, revision: string}}} Explanation
 * @typedef {{title?: string, detail?: string, errors?: {field: string, message: string}[], retryable?: boolean,
 *   status?: number, request_id?: string | null}} Problem
 */

/** The address of the service. A proxy may serve it under a path prefix. */
const ROOT = new URL("..", import.meta.url);
const UNSPECIFIC_TYPE = "application/octet-stream";

/** An error whose message tells the user what failed and what to do. */
export class UserFacingError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, cause?: unknown}} options
   */
  constructor(message, { status, cause } = {}) {
    super(message, { cause });
    /** The HTTP status, if the service answered. */
    this.status = status;
  }
}

/**
 * Yield the events of one answer: `step`s, `sources`, `token`s, `done`. An `error` event, or an end without `done`, is thrown.
 * @param {{question: string, conversation_id: string, mode?: string}} request Without a mode, the service uses its default.
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<{event: string, data: any}>}
 */
export async function* streamAnswer(request, signal) {
  const response = await send("POST", "/v1/answers", {
    body: JSON.stringify({ ...request, stream: true }),
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    signal,
  });
  if (!response.body) throw interrupted();
  for await (const { event, data } of receive(response.body)) {
    if (event === "error") throw new UserFacingError(formatProblem(data), data);
    yield { event, data };
    if (event === "done") return;
  }
  throw interrupted();
}

/**
 * @param {string} id
 * @returns {Promise<Explanation>}
 */
export async function explainAnswer(id) {
  const response = await send("GET", `/v1/answers/${encodeURIComponent(id)}/explain`);
  return response.json();
}

/**
 * Rate an answer. A later rating replaces an earlier one.
 * @param {string} id
 * @param {{rating: "up" | "down", reason: string}} rating
 */
export async function rateAnswer(id, rating) {
  await send("POST", feedbackPath(id), {
    body: JSON.stringify(rating),
    headers: { "Content-Type": "application/json" },
  });
}

/** @param {string} id */
export async function withdrawRating(id) {
  await send("DELETE", feedbackPath(id));
}

/**
 * Return one page of the conversations, the latest first.
 * @param {string | null} cursor
 * @returns {Promise<{conversations: ConversationSummary[], next: string | null}>}
 */
export async function listConversations(cursor) {
  const response = await send("GET", `/v1/conversations${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`);
  return response.json();
}

/**
 * @param {string} id
 * @returns {Promise<{id: string, title: string, turns: Turn[]}>}
 */
export async function readConversation(id) {
  const response = await send("GET", conversationPath(id));
  return response.json();
}

/** @param {string} id */
export async function deleteConversation(id) {
  await send("DELETE", conversationPath(id));
}

/**
 * Return one page of the documents.
 * @param {DocumentQuery} query
 * @returns {Promise<DocumentPage>}
 */
export async function listDocuments(query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const parameters = new URLSearchParams(given.map(([name, value]) => [name, `${value}`]));
  const response = await send("GET", `/v1/documents?${parameters}`);
  return response.json();
}

/**
 * Upload a file under its name. If another document has the name, the service answers 409 unless `replace` is true.
 * @param {File} file
 * @param {{replace: boolean}} options
 * @returns {Promise<Document>}
 */
export async function uploadDocument(file, { replace }) {
  const form = new FormData();
  // With this type the service uses the suffix, which it knows better than browsers do.
  form.append("file", new File([file], file.name, { type: UNSPECIFIC_TYPE }));
  const response = await send("POST", `/v1/documents${replace ? "?replace=true" : ""}`, { body: form });
  return (await response.json()).documents[0];
}

/**
 * Read the passages of a document around one of them.
 * @param {string} id
 * @param {{around: number, limit: number}} part
 * @returns {Promise<{title: string, uri: string, chunks: number, passages: DocumentPassage[]}>}
 */
export async function readPassages(id, { around, limit }) {
  const response = await send("GET", `${documentPath(id)}/passages?around=${around}&limit=${limit}`);
  return response.json();
}

/** @param {string} id */
export async function deleteDocument(id) {
  await send("DELETE", documentPath(id));
}

/** Return the service's metrics in Prometheus's text format. */
export async function readMetrics() {
  const response = await send("GET", "/metrics", { headers: { Accept: "text/plain" } });
  return response.text();
}

/** @param {string} id */
const feedbackPath = (id) => `/v1/answers/${encodeURIComponent(id)}/feedback`;

/** @param {string} id */
const conversationPath = (id) => `/v1/conversations/${encodeURIComponent(id)}`;

/** @param {string} id */
const documentPath = (id) => `/v1/documents/${encodeURIComponent(id)}`;

/**
 * Send a request; after a 401, ask for another key and retry until the user cancels.
 * @param {string} method
 * @param {string} path
 * @param {RequestInit & {headers?: Record<string, string>}} options
 */
async function send(method, path, { headers = {}, ...options } = {}) {
  for (;;) {
    const key = currentKey();
    /** @type {Record<string, string>} */
    const authorization = key ? { Authorization: `Bearer ${key}` } : {};
    const response = await fetchOrExplain(path, { ...options, method, headers: { ...headers, ...authorization } });
    if (response.ok) return response;
    const error = await toError(response);
    if (response.status !== 401 || !(await replaceKey(key))) throw error;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function fetchOrExplain(path, options) {
  try {
    return await fetch(new URL(`.${path}`, ROOT), options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    const message = "The service cannot be reached. Check that it is running, then try again.";
    throw new UserFacingError(message, { cause: error });
  }
}

/** @param {ReadableStream<Uint8Array>} body */
async function* receive(body) {
  try {
    for await (const { event, data } of readEvents(body)) yield { event, data: JSON.parse(data) };
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw interrupted(error);
  }
}

/** @param {unknown} [cause] */
function interrupted(cause) {
  return new UserFacingError("The connection was lost before the answer was complete. Ask again.", { cause });
}

/** @param {Response} response */
async function toError(response) {
  const { status } = response;
  const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  // A proxy in front of the service sends errors in its own format, usually HTML.
  /** @type {Problem} */
  const problem = isProblem
    ? await response.json()
    : { detail: `The service answered with status ${status} and no reason`, retryable: status >= 500 || status === 429 };
  return new UserFacingError(formatProblem(problem), { status });
}

/** @param {Problem} problem */
function formatProblem({ title, detail, errors = [], retryable, status = 0, request_id: requestId }) {
  const fields = errors.map(({ field, message }) => `${field}: ${message}`);
  const message = [detail || title, ...fields].join("; ").replace(/[.\s]*$/, ".");
  const advice = retryable && !/ again\b/i.test(message) ? "Try again in a moment." : "";
  // With the id, an operator finds the cause in the log.
  const reference = status >= 500 && requestId ? `Request ${requestId}.` : "";
  return [message, advice, reference].filter(Boolean).join(" ");
}

/**
 * Return the message of anything that was thrown.
 * @param {unknown} error
 */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));
