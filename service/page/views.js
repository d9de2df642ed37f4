/** The views of the page. The URL's fragment selects one, so that each has a link and the Back button works. */

import { elementById } from "./dom.js";

const DEFAULT_VIEW = "ask";
const PAGE_TITLE = document.title;

/** @param {Record<string, {show: () => void, hide: () => void}>} listeners Notified when their view changes, by view. */
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
    const requested = location.hash.slice(1);
    const name = names.includes(requested) ? requested : DEFAULT_VIEW;
    if (name === shown) return false;
    listeners[shown]?.hide();
    shown = name;
    for (const link of links) {
      const isShown = link.hash === `#${name}`;
      elementOf(link.hash.slice(1)).hidden = !isShown;
      if (isShown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = name === DEFAULT_VIEW ? PAGE_TITLE : `${headingOf(name)?.textContent} · ${PAGE_TITLE}`;
    listeners[name]?.show();
    return true;
  }
}

/**
 * Return the view's element. Its id differs from the fragment, or the browser would scroll it below the top bar.
 * @param {string} name
 */
const elementOf = (name) => elementById(`view-${name}`, HTMLElement);

/** @param {string} name */
const headingOf = (name) => elementOf(name).querySelector("h1");
