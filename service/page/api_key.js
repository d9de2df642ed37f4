/** The API key: requested if the service requires one, and kept until the tab is closed. */

import { openDialog } from "./dialog.js";
import { elementById } from "./dom.js";

const STORAGE_KEY = "groundwork.api-key";

export const currentKey = () => sessionStorage.getItem(STORAGE_KEY);

/**
 * Ask for another key after a 401; resolves to true if there is a key to retry with.
 * @param {string | null} rejectedKey The key of the request that failed.
 */
export async function replaceKey(rejectedKey) {
  // Concurrent requests can fail together. They share one dialog and its result.
  if (currentKey() !== rejectedKey) return true;
  return requestKey(rejectedKey ? "The service rejected this key. Enter another one." : "This service requires an API key.");
}

/** Let the user enter another key; resolves to true if a key was entered. */
export const changeKey = () => requestKey("Enter the API key for this service.");

/** @type {Promise<boolean> | null} */
let openRequest = null;

/** @param {string} message */
function requestKey(message) {
  openRequest ??= showKeyDialog(message).finally(() => (openRequest = null));
  return openRequest;
}

/** @param {string} message */
async function showKeyDialog(message) {
  elementById("change-key", HTMLButtonElement).hidden = false;
  elementById("key-message", HTMLParagraphElement).textContent = message;
  const input = elementById("key", HTMLInputElement);
  input.value = "";
  const action = await openDialog(elementById("key-dialog", HTMLDialogElement));
  if (action !== "use" || input.value === "") return false;
  sessionStorage.setItem(STORAGE_KEY, input.value);
  input.value = "";
  return true;
}
