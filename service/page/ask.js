/** The thread of questions and answers, the question form, and the hints for the first steps. */

import { createAnswer } from "./answer.js";
import { openAnswerMode } from "./answer_mode.js";
import { messageOf, readConversation, streamAnswer } from "./api.js";
import { createConversationId, selectedConversation } from "./conversation_address.js";
import { elementById } from "./dom.js";

/**
 * @param {object} parts
 * @param {ReturnType<typeof import("./passage.js").openPassage>} parts.passage
 * @param {() => void} parts.onAnswer Called when an answer has been added to the conversation.
 */
export function openAsk({ passage, onAnswer }) {
  const form = elementById("ask", HTMLFormElement);
  const question = elementById("question", HTMLTextAreaElement);
  const submitButton = elementById("send", HTMLButtonElement);
  const stopButton = elementById("stop", HTMLButtonElement);
  const newButton = elementById("new-thread", HTMLButtonElement);
  const lead = elementById("lead", HTMLParagraphElement);
  const firstSteps = elementById("first-steps", HTMLElement);
  const thread = elementById("thread", HTMLDivElement);
  const mode = openAnswerMode(elementById("mode", HTMLSelectElement));

  const failure = elementById("thread-failure", HTMLParagraphElement);

  /** @type {AbortController | null} */
  let running = null;
  let conversationId = "";

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
    location.hash = "#ask";
    question.focus();
  });
  addEventListener("hashchange", openSelected);
  openSelected();

  /** @param {string} text */
  async function ask(text) {
    const answer = createAnswer(text, { passage, onAskAgain });
    /** @type {Record<string, ((data: any) => void) | undefined>} */
    const handlers = {
      step: answer.showStep,
      sources: (data) => {
        answer.showSources(data);
        follow();
      },
      token: answer.appendToken,
      done: (data) => {
        answer.complete(data);
        follow();
      },
    };
    passage.close();
    if (conversationId === "") {
      conversationId = createConversationId();
      // The address can be shared, and a reload shows the conversation again.
      location.hash = `#ask/${conversationId}`;
    }
    thread.append(answer.element);
    showThread();
    answer.element.scrollIntoView();
    let position = scrollY;
    // At first the answer is too short to reach the top, and what it gets would grow behind the form.
    function follow() {
      if (scrollY !== position) return; // The reader has scrolled.
      answer.element.scrollIntoView();
      position = scrollY;
    }
    question.value = "";
    running = new AbortController();
    replaceButton(submitButton, stopButton);
    const { signal } = running;
    try {
      const request = { question: text, conversation_id: conversationId, mode: mode.selected() };
      for await (const { event, data } of streamAnswer(request, signal)) handlers[event]?.(data);
      onAnswer();
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

  /** Show the conversation that the address names, or an empty thread. */
  async function openSelected() {
    const selected = selectedConversation();
    if (selected === null || selected === conversationId) return;
    running?.abort();
    passage.close();
    conversationId = selected;
    thread.replaceChildren();
    failure.textContent = "";
    showThread();
    if (selected === "") return;
    try {
      const { turns } = await readConversation(selected);
      if (selected === conversationId) thread.prepend(...turns.map(restore));
    } catch (error) {
      if (selected === conversationId) failure.textContent = messageOf(error);
    }
    showThread();
  }

  /** @param {import("./api.js").Turn} turn */
  function restore(turn) {
    const answer = createAnswer(turn.asked, { passage, onAskAgain });
    answer.restore(turn);
    return answer.element;
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

  /**
   * Leave the conversation, because it was deleted.
   * @param {string} id
   */
  function close(id) {
    if (id === conversationId) location.hash = "#ask";
  }

  return { showFirstSteps, close };
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
