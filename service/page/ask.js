/** The question form, the example questions and the hints for the first steps. */

import { createAnswer } from "./answer.js";
import { openAnswerMode } from "./answer_mode.js";
import { messageOf, streamAnswer } from "./api.js";
import { elementById } from "./dom.js";

const MAX_EXAMPLES = 3;

/** @param {{passage: ReturnType<typeof import("./passage.js").openPassage>}} parts */
export function openAsk({ passage }) {
  const form = elementById("ask", HTMLFormElement);
  const question = elementById("question", HTMLTextAreaElement);
  const submitButton = elementById("send", HTMLButtonElement);
  const stopButton = elementById("stop", HTMLButtonElement);
  const examples = elementById("examples", HTMLElement);
  const firstSteps = elementById("first-steps", HTMLElement);
  const result = elementById("result", HTMLDivElement);
  const mode = openAnswerMode(elementById("mode", HTMLSelectElement));

  /** @type {AbortController | null} */
  let running = null;
  let titlesShown = "";

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (text && !running) ask(text);
  });
  question.addEventListener("keydown", (event) => {
    // While an input method composes a character, Enter confirms that character.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  stopButton.addEventListener("click", () => running?.abort());

  /** @param {string} text */
  async function ask(text) {
    const answer = createAnswer(text, passage);
    /** @type {Record<string, ((data: any) => void) | undefined>} */
    const handlers = { sources: answer.showSources, token: answer.appendToken, done: answer.complete };
    passage.close();
    examples.hidden = true;
    result.replaceChildren(answer.element);
    question.value = "";
    running = new AbortController();
    replaceButton(submitButton, stopButton);
    const { signal } = running;
    try {
      const events = streamAnswer({ question: text, mode: mode.selected() }, signal);
      for await (const { event, data } of events) handlers[event]?.(data);
    } catch (error) {
      if (signal.aborted) answer.stop();
      else answer.fail(messageOf(error));
      // The question is restored, so that the user can retry without typing it again.
      question.value ||= text;
    } finally {
      running = null;
      replaceButton(stopButton, submitButton);
    }
  }

  /**
   * Show the first steps if there are no documents, and example questions before the first answer.
   * @param {import("./document_row.js").ListedDocument[]} documents
   */
  function suggest(documents) {
    const ready = documents.filter(({ state }) => state === "ready");
    firstSteps.hidden = documents.length > 0;
    examples.hidden = ready.length === 0 || result.hasChildNodes();
    const titles = [...new Set(ready.map(({ title }) => title))].slice(0, MAX_EXAMPLES);
    // The list is read again and again. Other buttons in the same place would lose the focus and clicks.
    if (titlesShown === titles.join("\n")) return;
    titlesShown = titles.join("\n");
    examples.replaceChildren(...titles.map((title) => createExample(`What is “${title}” about?`)));
  }

  /** @param {string} text */
  function createExample(text) {
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

/**
 * Show `next` instead of `current`, and move the focus to it if `current` had it.
 * @param {HTMLElement} current
 * @param {HTMLElement} next
 */
function replaceButton(current, next) {
  const hadFocus = document.activeElement === current;
  current.hidden = true;
  next.hidden = false;
  if (hadFocus) next.focus();
}
