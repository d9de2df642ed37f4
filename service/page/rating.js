/** The thumbs below an answer, and the form that asks what is wrong with it. */

import { messageOf, rateAnswer, withdrawRating } from "./api.js";
import { instantiate } from "./dom.js";

/** @param {string} answerId */
export function createRating(answerId) {
  const view = instantiate("rating");
  const buttons = { up: view.up, down: view.down };
  const form = /** @type {HTMLFormElement} */ (view.form);
  const reason = /** @type {HTMLInputElement} */ (view.reason);
  /** @type {"up" | "down" | null} */
  let rating = null;
  /** Resolves when the previous change has been sent, because the last one must win. */
  let earlier = Promise.resolve();

  view.up.addEventListener("click", () => change("up"));
  view.down.addEventListener("click", () => change("down"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(() => rateAnswer(answerId, { rating: "down", reason: reason.value.trim() }), "Thank you.");
    form.hidden = true;
    view.down.focus();
  });

  /**
   * Rate the answer, or withdraw the rating if it is the same.
   * @param {"up" | "down"} chosen
   */
  function change(chosen) {
    rating = rating === chosen ? null : chosen;
    for (const [name, button] of Object.entries(buttons)) button.ariaPressed = `${name === rating}`;
    form.hidden = rating !== "down";
    if (rating === "down") reason.focus();
    const current = rating;
    if (current === null) send(() => withdrawRating(answerId), "The rating was withdrawn.");
    else send(() => rateAnswer(answerId, { rating: current, reason: "" }), "Thank you.");
  }

  /**
   * @param {() => Promise<void>} action
   * @param {string} success
   */
  function send(action, success) {
    earlier = earlier.then(async () => {
      try {
        await action();
        view.status.textContent = success;
      } catch (error) {
        view.status.textContent = messageOf(error);
      }
    });
  }

  return view.element;
}
