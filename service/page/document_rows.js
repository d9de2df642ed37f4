/** The rows of the document list, and the selection of several of them. */

import { createDocumentRow } from "./document_row.js";
import { elementById, partsOf } from "./dom.js";
import { formatCount } from "./plural.js";
import { openRovingFocus } from "./roving_focus.js";

/** @typedef {import("./document_row.js").ListedDocument} ListedDocument */

/** @param {{onDelete: (ids: string[]) => void, onCleared: () => void}} listeners */
export function openDocumentRows({ onDelete, onCleared }) {
  const list = elementById("document-list", HTMLUListElement);
  const selectionBar = elementById("document-selection", HTMLParagraphElement);
  const selectionParts = partsOf(selectionBar);
  const { keepFocus } = openRovingFocus(list, "input[type=checkbox]");

  /** @type {ListedDocument[]} */
  let shown = [];
  /** @type {Map<string, ReturnType<typeof createDocumentRow>>} */
  const rows = new Map();
  /** @type {Set<string>} */
  const selected = new Set();

  selectionParts.delete.addEventListener("click", () => onDelete([...selected]));
  selectionParts.clear.addEventListener("click", () => {
    selected.clear();
    show(shown);
    onCleared();
  });

  /** @param {ListedDocument[]} documents */
  function show(documents) {
    shown = documents;
    keepFocus(showRows);
    showSelection();
  }

  function showRows() {
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      rows.delete(id);
      selected.delete(id);
    }
    // Rows stay in place if they can, so that the focus and the scroll position stay, too.
    let place = list.firstElementChild;
    for (const document of shown) {
      const row = rowOf(document.id);
      row.update(document, { isSelected: selected.has(document.id) });
      if (row.element === place) place = place.nextElementSibling;
      else list.insertBefore(row.element, place);
    }
  }

  function showSelection() {
    selectionBar.hidden = selected.size === 0;
    selectionParts.count.textContent = `${formatCount(selected.size, "document")} selected`;
  }

  /** @param {string} id */
  function rowOf(id) {
    const row = rows.get(id) ?? createDocumentRow({ onDelete: () => onDelete([id]), onSelect });
    rows.set(id, row);
    return row;

    /** @param {boolean} isSelected */
    function onSelect(isSelected) {
      if (isSelected) selected.add(id);
      else selected.delete(id);
      showSelection();
    }
  }

  /** @param {string} id */
  function deselect(id) {
    selected.delete(id);
  }

  return { show, deselect };
}
