/**
 * Server-sent events from the body of a fetch, because EventSource supports only GET.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */

/** @typedef {{event: string, data: string}} ServerSentEvent */

/**
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<ServerSentEvent>}
 */
export async function* readEvents(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    // Cancelling closes the connection, so that the service stops generating.
    await reader.cancel().catch(() => {});
  }
}

/** An incremental parser that accepts text in pieces of any size and returns the complete events. */
export class EventParser {
  #line = "";
  #endedWithCr = false;
  #event = "";
  /** @type {string[]} */
  #data = [];

  /**
   * @param {string} text
   * @returns {ServerSentEvent[]}
   */
  push(text) {
    if (text === "") return [];
    // A CR LF can be split between two pieces. Its CR has already ended the line.
    if (this.#endedWithCr && text.startsWith("\n")) text = text.slice(1);
    this.#endedWithCr = text.endsWith("\r");

    const lines = (this.#line + text).split(/\r\n|\r|\n/);
    this.#line = lines.pop() ?? "";
    return lines.flatMap((line) => (line === "" ? this.#dispatch() : this.#parseField(line)));
  }

  /**
   * @param {string} line
   * @returns {ServerSentEvent[]}
   */
  #parseField(line) {
    // A line without a colon is a field without a value. A line that starts with a colon is a comment.
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "event") this.#event = value ?? "";
    if (name === "data") this.#data.push(value ?? "");
    return [];
  }

  #dispatch() {
    const event = { event: this.#event || "message", data: this.#data.join("\n") };
    const isEmpty = this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    return isEmpty ? [] : [event];
  }
}
