/** How answers are to be written: the choice lives as long as the tab. */

const STORED_AS = "groundwork.mode";

/** @param {HTMLSelectElement} select */
export function openMode(select) {
  select.value = sessionStorage.getItem(STORED_AS) ?? "";
  select.addEventListener("change", () => sessionStorage.setItem(STORED_AS, select.value));

  /** A mode, or undefined for the service's own. */
  return { chosen: () => select.value || undefined };
}
