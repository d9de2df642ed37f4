/** Which view is shown. The address's fragment says it, so that a view has a link and the browser's Back works. */

const FIRST = "ask";
const NAME = document.title;

/** @param {Record<string, {show: () => void, hide: () => void}>} views Those that want to know, by name. */
export function openViews(views) {
  const links = [...document.querySelectorAll('nav a[href^="#"]')];
  const names = links.map((link) => link.hash.slice(1));
  let shown = FIRST;

  addEventListener("hashchange", () => {
    if (show()) elementOf(shown).querySelector("h1").focus();
  });
  show();

  /** True where that is another view than before. */
  function show() {
    const asked = location.hash.slice(1);
    const name = names.includes(asked) ? asked : FIRST;
    if (name === shown) return false;
    views[shown]?.hide();
    shown = name;
    for (const link of links) {
      const isShown = link.hash === `#${name}`;
      elementOf(link.hash.slice(1)).hidden = !isShown;
      if (isShown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = name === FIRST ? NAME : `${elementOf(name).querySelector("h1").textContent} · ${NAME}`;
    views[name]?.show();
    return true;
  }
}

// Not the fragment itself, or the browser would scroll its top below the bar.
const elementOf = (name) => document.getElementById(`view-${name}`);
