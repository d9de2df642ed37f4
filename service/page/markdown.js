/**
 * Render an answer's Markdown as DOM nodes.
 *
 * The nodes are built from the parser's tokens and never from HTML, so neither documents nor models can add elements,
 * scripts or remote images to the page.
 */

import { createCodeBlock } from "./code_block.js";
import { createLink } from "./link.js";
import { tableRows } from "./table_rows.js";
import { createNote, NOTE } from "./unsupported.js";
import { Marked } from "./vendor/marked.js";

/** @typedef {import("./vendor/marked.js").Token} Token */
/** @typedef {(n: number) => Node} CreateMarker */

const parser = new Marked({
  gfm: true,
  breaks: true,
  tokenizer: {
    // A line such as "[1]: text" would be taken as the target of a link and disappear.
    def: () => undefined,
    // Tags are text. Otherwise markers and code behind a tag would be part of it.
    html: () => undefined,
    tag: () => undefined,
  },
  extensions: [
    tableRows,
    {
      name: "citation",
      level: "inline",
      start: (source) => source.search(/\[\d{1,3}\]/),
      tokenizer(source) {
        const [raw, n] = /^\[(\d{1,3})\]/.exec(source) ?? [];
        return raw ? { type: "citation", raw, n: Number(n) } : undefined;
      },
    },
    {
      name: "note",
      level: "inline",
      start: (source) => source.indexOf(NOTE),
      tokenizer: (source) => (source.startsWith(NOTE) ? { type: "note", raw: NOTE } : undefined),
    },
  ],
});

// Text that may become a marker or code is held back, so that its appearance does not change while it streams.
const UNFINISHED = /\s*(?:\[\d{0,3}|`+[^`\n]{0,60}\s*)?$/;
// The parser is recursive. Answers do not nest that deep, but quoted lines of a log can begin with many ">".
const DEEP_NESTING = /^(?:[ \t]*[>*+-]){50}/m;

/**
 * @param {string} text
 * @param {{isComplete: boolean, createMarker: CreateMarker}} options
 * @returns {Node[]} One node for each block, and for text that is not in a block.
 */
export function renderMarkdown(text, { isComplete, createMarker }) {
  const settled = (isComplete ? text : text.replace(UNFINISHED, "")).replace(/^\s*\n/, "").trimEnd();
  if (DEEP_NESTING.test(settled)) return [createBlock("pre", [new Text(settled)])];
  const tokens = parser.lexer(settled);
  closeHeadingGaps(tokens);
  return renderAll(tokens, createMarker);
}

/**
 * The question is the heading above, at level 2. Screen readers announce levels, so none may be left out below it.
 * @param {Token[]} tokens
 */
function closeHeadingGaps(tokens) {
  let level = 2;
  parser.walkTokens(tokens, (token) => {
    if (token.type !== "heading") return;
    level = Math.min(level + 1, token.depth + 2, 6);
    token.depth = level;
  });
}

/**
 * @param {Token[] | undefined} tokens
 * @param {CreateMarker} createMarker
 * @returns {Node[]}
 */
function renderAll(tokens = [], createMarker) {
  return tokens.flatMap((token, index) => {
    // A marker on a line of its own cites the line before, so it is shown at its end.
    const endsLine = token.type === "br" && tokens[index + 1]?.type === "citation";
    return endsLine ? new Text(" ") : render(token, createMarker);
  });
}

/**
 * @param {Token} token
 * @param {CreateMarker} createMarker
 * @returns {Node | Node[]}
 */
function render(token, createMarker) {
  const children = () => renderAll("tokens" in token ? token.tokens : [], createMarker);
  switch (token.type) {
    case "space":
      return [];
    case "citation":
      return createMarker(token.n);
    case "note":
      return createNote();
    case "paragraph":
      return createBlock("p", children());
    case "heading":
      return createBlock(`h${token.depth}`, children());
    case "strong":
    case "em":
    case "del":
    case "blockquote":
      return createBlock(token.type, children());
    case "list":
      return createList(/** @type {import("./vendor/marked.js").Tokens.List} */ (token), createMarker);
    case "table":
      return createTable(/** @type {import("./vendor/marked.js").Tokens.Table} */ (token), createMarker);
    case "row":
      return createRow(token.pairs, createMarker);
    case "code":
      return createCodeBlock(token.text);
    case "codespan":
      return createBlock("code", [new Text(token.text)]);
    case "br":
      return document.createElement("br");
    case "hr":
      return document.createElement("hr");
    case "checkbox":
      return new Text(token.checked ? "☑ " : "☐ ");
    case "link":
      return createLink(token.href, children());
    case "image":
      return createLink(token.href, [new Text(token.text || token.href)]);
    case "text":
      return token.tokens ? children() : new Text(token.text);
    default:
      return new Text("text" in token ? token.text : token.raw);
  }
}

/**
 * @param {string} tag
 * @param {Node[]} children
 */
function createBlock(tag, children) {
  const element = document.createElement(tag);
  element.append(...children);
  return element;
}

/**
 * @param {import("./vendor/marked.js").Tokens.List} list
 * @param {CreateMarker} createMarker
 */
function createList({ ordered, start, items }, createMarker) {
  const element = createBlock(
    ordered ? "ol" : "ul",
    items.map((item) => createBlock("li", renderAll(item.tokens, createMarker))),
  );
  if (ordered && Number(start) !== 1) element.setAttribute("start", `${start}`);
  return element;
}

/**
 * @param {import("./vendor/marked.js").Tokens.Table} table
 * @param {CreateMarker} createMarker
 */
function createTable({ header, rows }, createMarker) {
  /**
   * @param {string} tag
   * @param {import("./vendor/marked.js").Tokens.TableCell[]} cells
   */
  const createRow = (tag, cells) =>
    createBlock(
      "tr",
      cells.map(({ tokens, align }) => {
        const cell = createBlock(tag, renderAll(tokens, createMarker));
        if (align) cell.dataset.align = align;
        return cell;
      }),
    );
  return createScrolling([
    createBlock("thead", [createRow("th", header)]),
    createBlock("tbody", rows.map((cells) => createRow("td", cells))),
  ]);
}

/**
 * @param {import("./vendor/marked.js").Tokens.TableCell[][]} pairs A label and its value each.
 * @param {CreateMarker} createMarker
 */
function createRow(pairs, createMarker) {
  const rows = pairs.map(([label, value]) => {
    const heading = createBlock("th", renderAll(label.tokens, createMarker));
    heading.setAttribute("scope", "row");
    return createBlock("tr", [heading, createBlock("td", renderAll(value.tokens, createMarker))]);
  });
  return createScrolling([createBlock("tbody", rows)]);
}

/** @param {Node[]} parts */
function createScrolling(parts) {
  const scrolling = createBlock("div", [createBlock("table", parts)]);
  // A wide table scrolls sideways, so the keyboard must be able to reach it.
  Object.assign(scrolling, { className: "scrolling", tabIndex: 0, role: "group", ariaLabel: "Table" });
  return scrolling;
}
