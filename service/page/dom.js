/** Typed access to the elements and templates of the page. */

/**
 * Return the element with this id; throws if it is missing or of another type.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {{new (): T}} type
 */
export function elementById(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`#${id} is not a ${type.name}`);
  return element;
}

/**
 * Copy the template `<name>-template` and return its element and its `data-part` elements by name.
 * @param {string} name
 * @returns {Record<string, HTMLElement> & {element: HTMLElement}}
 */
export function instantiate(name) {
  const template = elementById(`${name}-template`, HTMLTemplateElement);
  const element = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  return { ...partsOf(element), element };
}

/**
 * @param {HTMLElement} element
 * @returns {Record<string, HTMLElement>}
 */
export function partsOf(element) {
  const parts = /** @type {HTMLElement[]} */ ([...element.querySelectorAll("[data-part]")]);
  return Object.fromEntries(parts.map((part) => [part.dataset.part, part]));
}
