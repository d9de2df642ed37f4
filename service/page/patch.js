/** Update nodes in place, because a node may have the focus, a selection or a scroll position. */

/**
 * Make the children of `parent` equal to `wanted`, and keep each node that already is.
 * @param {Node} parent
 * @param {Node[]} wanted
 */
export function patchChildren(parent, wanted) {
  const present = [...parent.childNodes];
  wanted.forEach((next, index) => {
    const node = present[index];
    if (!node) parent.appendChild(next);
    else patch(node, next);
  });
  for (const node of present.slice(wanted.length)) node.remove();
}

/**
 * @param {ChildNode} node
 * @param {Node} next
 */
function patch(node, next) {
  if (node.isEqualNode(next)) return;
  if (node instanceof Text && next instanceof Text) {
    // Appended text keeps a selection, replaced text does not.
    if (next.data.startsWith(node.data)) node.appendData(next.data.slice(node.data.length));
    else node.data = next.data;
  } else if (isPatchable(node, next)) {
    patchChildren(node, [...next.childNodes]);
  } else {
    node.replaceWith(next);
  }
}

/**
 * Buttons have listeners that belong to their content, so they are replaced as a whole.
 * @param {Node} node
 * @param {Node} next
 */
const isPatchable = (node, next) =>
  node instanceof Element &&
  next instanceof Element &&
  !(node instanceof HTMLButtonElement) &&
  node.cloneNode().isEqualNode(next.cloneNode());
