/** Make the rows of a list one stop for Tab. The arrow keys move between them, however many there are. */

const STEPS = /** @type {Record<string, (index: number, last: number) => number>} */ ({
  ArrowDown: (index, last) => Math.min(index + 1, last),
  ArrowUp: (index) => Math.max(index - 1, 0),
  Home: () => 0,
  End: (_, last) => last,
});

/**
 * @param {HTMLElement} list
 * @param {string} selector Selects the one control of each row that can have the focus.
 */
export function openRovingFocus(list, selector) {
  list.addEventListener("keydown", (event) => {
    const controls = all();
    const index = controls.indexOf(/** @type {HTMLElement} */ (event.target));
    const step = STEPS[event.key];
    if (!step || index < 0) return;
    event.preventDefault();
    controls[step(index, controls.length - 1)].focus();
  });
  list.addEventListener("focusin", ({ target }) => {
    if (target instanceof HTMLElement && target.matches(selector)) makeStop(target);
  });

  function all() {
    return /** @type {HTMLElement[]} */ ([...list.querySelectorAll(selector)]);
  }

  /** @param {HTMLElement} stop */
  function makeStop(stop) {
    for (const control of all()) control.tabIndex = control === stop ? 0 : -1;
  }

  /**
   * Change the rows; if the one with the focus is removed, the focus moves to the row that takes its place.
   * @param {() => void} change
   */
  function keepFocus(change) {
    const focused = all().indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const hadFocus = document.activeElement;
    change();
    const controls = all();
    if (focused >= 0 && !hadFocus?.isConnected) controls[Math.min(focused, controls.length - 1)]?.focus();
    if (!controls.some(({ tabIndex }) => tabIndex === 0) && controls[0]) makeStop(controls[0]);
  }

  return { keepFocus };
}
