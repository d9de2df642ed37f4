/** The address of a conversation: the URL's fragment `#ask/<id>`. */

const BYTES = 16;

/** Return the id of the conversation, "" for a new one, or null if the address belongs to another view. */
export function selectedConversation() {
  const [view, id = ""] = location.hash.slice(1).split("/");
  return view === "ask" || view === "" ? id : null;
}

/** Return a random id. `crypto.randomUUID` exists only over HTTPS and on localhost. */
export function createConversationId() {
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
