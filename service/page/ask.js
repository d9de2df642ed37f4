/** The question, and what the page offers before the first one is asked. */

import { createAnswer } from "./answer.js";
import { streamAnswer } from "./api.js";
import { openMode } from "./mode.js";

const MAX_EXAMPLES = 3;

export function openAsk({ passage }) {
  const form = document.getElementById("ask");
  const question = document.getElementById("question");
  const send = document.getElementById("send");
  const stop = document.getElementById("stop");
  const examples = document.getElementById("examples");
  const firstSteps = document.getElementById("first-steps");
  const result = document.getElementById("result");
  const mode = openMode(document.getElementById("mode"));

  /** @type {AbortController | null} */
  let running = null;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (text && !running) ask(text);
  });
  question.addEventListener("keydown", (event) => {
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  stop.addEventListener("click", () => running?.abort());

  async function ask(text) {
    const answer = createAnswer(text, passage);
    passage.close();
    examples.hidden = true;
    result.replaceChildren(answer.element);
    question.value = "";
    begin();
    const { signal } = running;
    try {
      for await (const { event, data } of streamAnswer({ question: text, mode: mode.chosen() }, signal)) answer[event]?.(data);
    } catch (error) {
      if (signal.aborted) answer.stopped();
      else answer.failed(error.message);
      // Nobody types a question twice to try it again.
      question.value ||= text;
    } finally {
      end();
    }
  }

  function begin() {
    running = new AbortController();
    swap(send, stop);
  }

  function end() {
    running = null;
    swap(stop, send);
  }

  /** What is the page for, right now? Without documents, to add some; before the first question, to ask one. */
  function suggest(documents) {
    const ready = documents.filter(({ state }) => state === "ready");
    firstSteps.hidden = documents.length > 0;
    examples.hidden = ready.length === 0 || result.hasChildNodes();
    const titles = new Set(ready.map(({ title }) => title));
    examples.replaceChildren(...[...titles].slice(0, MAX_EXAMPLES).map((title) => example(`What is “${title}” about?`)));
  }

  function example(text) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => {
      question.value = text;
      question.focus();
      form.requestSubmit();
    });
    return button;
  }

  return { suggest };
}

/** Shows one button in the place of another, and lets it keep the focus. */
function swap(from, to) {
  const hadFocus = document.activeElement === from;
  from.hidden = true;
  to.hidden = false;
  if (hadFocus) to.focus();
}
