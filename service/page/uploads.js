/** Uploads: choose files, send them one at a time, and ask before one replaces another document. */

import { messageOf, uploadDocument, UserFacingError } from "./api.js";
import { openDialog } from "./dialog.js";
import { elementById } from "./dom.js";

const CONFLICT = 409;

/**
 * @typedef {object} Listener
 * @property {() => Promise<void>} onBegin Called when the user adds files. They are sent after it has resolved.
 * @property {(id: string | null) => void} onSending Called with the id of the document that is being sent, null: none.
 * @property {(accepted: import("./api.js").Document) => void} onAccepted
 * @property {(error: unknown) => void} onError
 */

/** @param {Listener} listener */
export function openUploads({ onBegin, onSending, onAccepted, onError }) {
  const input = elementById("files", HTMLInputElement);
  const supportedSuffixes = new Set(input.accept.split(",").map((suffix) => suffix.trim()));
  /** Resolves when all files that were added so far have been sent. */
  let earlier = Promise.resolve();

  elementById("add-documents", HTMLButtonElement).addEventListener("click", chooseFiles);
  input.addEventListener("change", () => {
    upload(input.files ?? []);
    // Without this, choosing the same file again would not fire a change event.
    input.value = "";
  });

  function chooseFiles() {
    input.click();
  }

  /**
   * Send files, one at a time and after those that were added earlier. A large selection does not open one connection
   * per file, and two questions never share the dialog, in which one click would answer both.
   * @param {Iterable<File>} added
   */
  function upload(added) {
    const files = [...added];
    const begun = onBegin();
    earlier = earlier.then(() => begun).then(() => sendAll(files));
  }

  /** @param {File[]} files */
  async function sendAll(files) {
    for (const file of files) {
      try {
        await send(file);
      } catch (error) {
        onError(error);
      }
    }
  }

  /** @param {File} file */
  async function send(file) {
    const suffix = `.${file.name.split(".").pop()?.toLowerCase()}`;
    if (!supportedSuffixes.has(suffix)) {
      throw new UserFacingError(`“${file.name}” was not added: ${suffix} files are not supported.`);
    }
    // The service makes the same id of the name.
    const id = file.name.normalize("NFC");
    onSending(id);
    try {
      const accepted = await uploadUnlessKept(file);
      if (accepted) onAccepted(accepted);
    } catch (error) {
      throw new UserFacingError(`“${file.name}” was not added. ${messageOf(error)}`);
    } finally {
      onSending(null);
    }
  }

  return { upload, chooseFiles };
}

/**
 * Upload a file, and ask before it replaces another document; returns null if the user keeps the other document.
 * @param {File} file
 */
async function uploadUnlessKept(file) {
  try {
    return await uploadDocument(file, { replace: false });
  } catch (error) {
    if (!(error instanceof UserFacingError) || error.status !== CONFLICT) throw error;
  }
  elementById("replace-title", HTMLHeadingElement).textContent = `Replace “${file.name}”?`;
  const choice = await openDialog(elementById("replace-dialog", HTMLDialogElement));
  return choice === "replace" ? uploadDocument(file, { replace: true }) : null;
}
