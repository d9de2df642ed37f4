/** A copy of the template `<name>-template`: its element, and its `data-part`s by name. */
export function instantiate(name) {
  const template = document.getElementById(`${name}-template`);
  const element = template.content.firstElementChild.cloneNode(true);
  return { element, ...partsOf(element) };
}

/** @returns {Record<string, HTMLElement>} */
export function partsOf(element) {
  const parts = [...element.querySelectorAll("[data-part]")];
  return Object.fromEntries(parts.map((part) => [part.dataset.part, part]));
}
