/** The thread of questions and answers, the question form, and the hints for the first steps. */

import { createAnswer } from "./answer.js";
import { openAnswerMode } from "./answer_mode.js";
import { messageOf, streamAnswer } from "./api.js";
import { elementById } from "./dom.js";

/** @param {{passage: ReturnType<typeof import("./passage.js").openPassage>}} parts */
export function openAsk({ passage }) {
  const form = elementById("ask", HTMLFormElement);
  const question = elementById("question", HTMLTextAreaElement);
  const submitButton = elementById("send", HTMLButtonElement);
  const stopButton = elementById("stop", HTMLButtonElement);
  const newButton = elementById("new-thread", HTMLButtonElement);
  const lead = elementById("lead", HTMLParagraphElement);
  const firstSteps = elementById("first-steps", HTMLElement);
  const thread = elementById("thread", HTMLDivElement);
  const mode = openAnswerMode(elementById("mode", HTMLSelectElement));

  /** @type {AbortController | null} */
  let running = null;

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
  newButton.addEventListener("click", () => {
    running?.abort();
    passage.close();
    thread.replaceChildren();
    showThread();
    question.focus();
  });

  /** @param {string} text */
  async function ask(text) {
    const answer = createAnswer(text, { passage, onAskAgain });
    /** @type {Record<string, ((data: any) => void) | undefined>} */
    const handlers = { sources: answer.showSources, token: answer.appendToken, done: answer.complete };
    passage.close();
    thread.append(answer.element);
    showThread();
    answer.element.scrollIntoView();
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

  /** @param {string} text */
  function onAskAgain(text) {
    if (!running) ask(text);
  }

  /** Show what belongs to the thread, or to its beginning. */
  function showThread() {
    newButton.hidden = !thread.hasChildNodes();
    lead.hidden = thread.hasChildNodes();
  }

  /** @param {boolean} areThere Whether there are documents to ask about. */
  function showFirstSteps(areThere) {
    firstSteps.hidden = areThere;
  }

  return { showFirstSteps };
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
