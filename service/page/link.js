/** Links to addresses that documents and models name. */

/**
 * Create a link if the address is one of the web; any other link stays text. Images become links, too.
 * @param {string} href
 * @param {Node[]} children
 */
export function createLink(href, children) {
  // Addresses come from documents and models, which are not trusted: "javascript:" must stay text.
  if (!/^(?:https?:\/\/|mailto:)/i.test(href)) {
    const text = document.createElement("span");
    text.append(...children);
    return text;
  }
  const link = document.createElement("a");
  link.append(...children);
  link.href = href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}
