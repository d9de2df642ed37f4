"""Parse Markdown (CommonMark with tables) into text without markup."""

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from ingest.parsing.html import add_html
from ingest.parsing.outline import Outline, OutlineBuilder, parse_plain

# markdown-it drops blocks that are nested deeper, and its call stack grows with each level.
_MAX_NESTING: Final = 40
_MARKDOWN: Final = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable("table")

_FRONT_MATTER: Final = re.compile(
    r"\A(?:---[ \t]*\n(?P<yaml>[\w-]+[ \t]*:.*?)\n(?:---|\.\.\.)|\+\+\+[ \t]*\n(?P<toml>.*?)\n\+\+\+)[ \t]*(?:\n|\Z)",
    re.DOTALL,
)
_FRONT_MATTER_TITLE: Final = re.compile(r"^title[ \t]*[:=][ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
# MkDocs, Hugo and Pandoc allow attributes after a heading: { #install .wide }
_HEADING_ATTRIBUTES: Final = re.compile(r"\s*\{:?\s*[#.][^{}]*\}\s*$")
_SEPARATORS: Final = {"tr": " | ", "blockquote": "\n\n"}
_LINE_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)


def parse_markdown(text: str) -> Outline:
    text = text.replace("\r\n", "\n")
    front_matter = _FRONT_MATTER.match(text)
    content = text[front_matter.end() :] if front_matter else text
    tokens = _MARKDOWN.parse(content)
    if any(token.level >= _MAX_NESTING - 1 for token in tokens):
        # Plain text keeps the blocks that markdown-it has dropped.
        return parse_plain(content)
    builder = OutlineBuilder()
    for node in SyntaxTreeNode(tokens).children:
        _add(node, builder)
    title = _FRONT_MATTER_TITLE.search(front_matter[0]) if front_matter else None
    return builder.build(title=title[1].strip().strip("\"'") if title else "")


def _add(node: SyntaxTreeNode, builder: OutlineBuilder) -> None:
    match node.type:
        case "heading":
            builder.add_heading(int(node.tag[1:]), _HEADING_ATTRIBUTES.sub("", _block(node)))
        case "html_block":
            add_html(node.content, builder)
        case "fence":
            # The fences stay, so that a client that shows the passage keeps its line breaks.
            builder.add_block(f"```{node.info}\n{_block(node)}\n```")
        case _:
            builder.add_block(_block(node))


def _block(node: SyntaxTreeNode) -> str:
    """Return a block as text without markup."""
    match node.type:
        case "inline":
            return _inline(node)
        case "fence" | "code_block":
            return node.content.rstrip("\n")
        case "html_block":
            builder = OutlineBuilder()
            add_html(node.content, builder)
            return "\n".join(section.text for section in builder.build().sections)
        case "bullet_list" | "ordered_list":
            return _list(node)
        case _:
            return _SEPARATORS.get(node.type, "\n").join(_block(child) for child in node.children)


def _list(node: SyntaxTreeNode) -> str:
    first = int(node.attrs.get("start", 1))
    is_ordered = node.type == "ordered_list"
    items = []
    for number, item in enumerate(node.children, first):
        text = "\n".join(_block(child) for child in item.children)
        items.append((f"{number}. " if is_ordered else "- ") + re.sub(r"\n(?=[^\n])", "\n  ", text))
    return "\n".join(items)


def _inline(node: SyntaxTreeNode) -> str:
    match node.type:
        case "text" | "code_inline":
            return node.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "html_inline":
            return "\n" if _LINE_BREAK.match(node.content) else ""
        case _:
            return "".join(_inline(child) for child in node.children)
