/** Files dropped anywhere on the page. */
export function acceptDrops(onFiles) {
  const carriesFiles = (event) => event.dataTransfer.types.includes("Files");
  const show = (isOver) => document.body.classList.toggle("dropping", isOver);

  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(true);
  });
  document.addEventListener("dragleave", (event) => {
    // Only the way out of the window has no element to go to.
    if (event.relatedTarget === null) show(false);
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(false);
    onFiles(event.dataTransfer.files);
  });
}
