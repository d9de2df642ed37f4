/**
 * Accept files that are dropped anywhere on the page.
 * @param {(files: FileList) => void} onFiles
 */
export function acceptDrops(onFiles) {
  /** @param {DragEvent} event */
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
  /** @param {boolean} isOver */
  const highlight = (isOver) => document.body.classList.toggle("dropping", isOver);

  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    highlight(true);
  });
  document.addEventListener("dragleave", (event) => {
    // Without a related target the pointer has left the window, not just moved to another element.
    if (event.relatedTarget === null) highlight(false);
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer || !hasFiles(event)) return;
    event.preventDefault();
    highlight(false);
    onFiles(event.dataTransfer.files);
  });
}
