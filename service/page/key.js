/** The API key: asked for when the service wants one, kept for as long as the tab lives. */

import { decide } from "./dialog.js";

const STORED_AS = "groundwork.api-key";

export const currentKey = () => sessionStorage.getItem(STORED_AS);

/** After a 401: true when there is another key than the `refused` one to try. */
export async function replaceKey(refused) {
  // Several calls may be refused at once; they share one dialog and its result.
  if (currentKey() !== refused) return true;
  return enterKey(refused ? "The service does not accept this key. Enter another one." : "This service asks for a key.");
}

/** True when a key was entered. */
export const changeKey = () => enterKey("Enter the key to use from now on.");

/** @type {Promise<boolean> | null} */
let entering = null;

function enterKey(complaint) {
  entering ??= showDialog(complaint).finally(() => (entering = null));
  return entering;
}

async function showDialog(complaint) {
  document.getElementById("change-key").hidden = false;
  document.getElementById("key-complaint").textContent = complaint;
  const input = document.getElementById("key");
  input.value = "";
  const decision = await decide(document.getElementById("key-dialog"));
  if (decision !== "use" || input.value === "") return false;
  sessionStorage.setItem(STORED_AS, input.value);
  input.value = "";
  return true;
}
