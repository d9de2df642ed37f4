/** Opens a modal dialog; resolves to the value of the button that closed it, "" for Escape. */
export function decide(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}
