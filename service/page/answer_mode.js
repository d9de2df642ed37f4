/** The answer mode that the user selects; it is kept until the tab is closed. */

const STORAGE_KEY = "groundwork.mode";

/** @param {HTMLSelectElement} select */
export function openAnswerMode(select) {
  select.value = sessionStorage.getItem(STORAGE_KEY) ?? "";
  select.addEventListener("change", () => sessionStorage.setItem(STORAGE_KEY, select.value));

  /** Return the selected mode, or undefined for the service's default. */
  return { selected: () => select.value || undefined };
}
