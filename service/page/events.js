/**
 * Server-sent events from a fetch body (EventSource can only GET).
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */

/**
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<{event: string, data: string}>}
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
    // Leaving early tells the service that nobody listens any more.
    await reader.cancel().catch(() => {});
  }
}

/** Takes the text in pieces cut anywhere, gives the events that are complete. */
export class EventParser {
  #line = "";
  #endedWithCr = false;
  #event = "";
  #data = [];

  push(text) {
    if (text === "") return [];
    // CR LF may be cut in two: its CR has already ended the line.
    if (this.#endedWithCr && text.startsWith("\n")) text = text.slice(1);
    this.#endedWithCr = text.endsWith("\r");

    const lines = (this.#line + text).split(/\r\n|\r|\n/);
    this.#line = lines.pop();
    return lines.flatMap((line) => (line === "" ? this.#dispatch() : this.#field(line)));
  }

  #field(line) {
    // A line without a colon is a name without a value; one that starts with a colon is a comment.
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
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
