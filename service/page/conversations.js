/** The list of conversations in the side bar. The URL's fragment `#ask/<id>` selects one. */

import { deleteConversation, listConversations, messageOf } from "./api.js";
import { elementById, instantiate } from "./dom.js";
import { formatCount } from "./plural.js";

const DATE_FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** @param {{onDelete: (id: string) => void}} listener Called when the user has deleted a conversation. */
export function openConversations({ onDelete }) {
  const section = elementById("conversations", HTMLElement);
  const list = elementById("conversation-list", HTMLUListElement);
  const failure = elementById("conversation-failure", HTMLParagraphElement);
  const moreButton = elementById("more-conversations", HTMLButtonElement);
  /** @type {string | null} */
  let next = null;

  addEventListener("hashchange", markCurrent);
  moreButton.addEventListener("click", () => read(next));

  /** Read the beginning of the list again. */
  async function load() {
    await read(null);
  }

  /** @param {string | null} cursor */
  async function read(cursor) {
    try {
      const page = await listConversations(cursor);
      const rows = page.conversations.map(createRow);
      if (cursor === null) list.replaceChildren(...rows);
      else list.append(...rows);
      next = page.next;
      failure.textContent = "";
      section.hidden = !list.hasChildNodes();
      moreButton.hidden = next === null;
      markCurrent();
    } catch (error) {
      failure.textContent = messageOf(error);
      section.hidden = false;
    }
  }

  /** @param {import("./api.js").ConversationSummary} conversation */
  function createRow({ id, title, turns, changed_at: changedAt }) {
    const view = instantiate("conversation");
    const link = /** @type {HTMLAnchorElement} */ (view.link);
    link.href = `#ask/${id}`;
    link.textContent = title;
    view.facts.textContent = `${formatCount(turns, "question")} · ${DATE_FORMAT.format(new Date(changedAt))}`;
    view.delete.ariaLabel = `Delete conversation ${title}`;
    view.delete.addEventListener("click", async () => {
      try {
        await deleteConversation(id);
      } catch (error) {
        failure.textContent = messageOf(error);
        return;
      }
      const neighbour = view.element.nextElementSibling ?? view.element.previousElementSibling;
      view.element.remove();
      section.hidden = !list.hasChildNodes();
      // The focus would be lost with the button.
      neighbour?.querySelector("a")?.focus();
      onDelete(id);
    });
    return view.element;
  }

  function markCurrent() {
    for (const link of list.querySelectorAll("a")) {
      if (link.hash === location.hash) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  return { load };
}
