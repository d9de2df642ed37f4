/** A button that copies text to the clipboard. */

const SHOWN_MS = 2000;

/**
 * @param {string} label
 * @param {() => string} read Returns the text when the button is clicked.
 */
export function createCopyButton(label, read) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet copy";
  button.textContent = "Copy";
  button.ariaLabel = label;
  // Browsers offer the clipboard only over HTTPS and on localhost.
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(read());
      show("Copied");
    } catch {
      // The user or a policy of the browser refused access to the clipboard.
      show("Not copied");
    }
  });

  /** @param {string} outcome */
  function show(outcome) {
    button.textContent = outcome;
    button.ariaLabel = null;
    setTimeout(() => {
      button.textContent = "Copy";
      button.ariaLabel = label;
    }, SHOWN_MS);
  }

  return button;
}
