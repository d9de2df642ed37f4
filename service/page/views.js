/** The views of the page. The URL's fragment selects one, so that each has a link and the Back button works. */

import { elementById } from "./dom.js";

const DEFAULT_VIEW = "ask";
const PAGE_TITLE = document.title;

/** @typedef {{show: () => void, hide: () => void}} Listener */

/** @param {Record<string, Listener>} listeners Notified when their view changes, by view. */
export function openViews(listeners) {
  const links = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll('nav a[href^="#"]')]);
  const names = links.map((link) => link.hash.slice(1));
  let shown = DEFAULT_VIEW;

  addEventListener("hashchange", () => {
    if (update()) headingOf(shown)?.focus();
  });
  update();

  /** Show the view that the URL selects; returns true if it changed. */
  function update() {
    // The rest of the fragment belongs to the view, for example the conversation.
    const [requested] = location.hash.slice(1).split("/");
    const name = names.includes(requested) ? requested : DEFAULT_VIEW;
    if (name === shown) return false;
    listeners[shown]?.hide();
    shown = name;
    // The style sheet decides which views the width of the page has room for.
    document.body.dataset.view = name;
    for (const link of links) {
      if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = name === DEFAULT_VIEW ? PAGE_TITLE : `${headingOf(name)?.textContent} · ${PAGE_TITLE}`;
    listeners[name]?.show();
    return true;
  }
}

/**
 * Return the view's heading. A view's id differs from the fragment, or the browser would scroll it below the top bar.
 * @param {string} name
 */
const headingOf = (name) => /** @type {HTMLElement | null} */ (
  elementById(`view-${name}`, HTMLElement).querySelector("[tabindex='-1']")
);
