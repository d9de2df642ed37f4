"""Parse Markdown into text without markup: CommonMark with tables, footnotes, definition lists and admonitions."""

import re
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.admon import admon_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

from ingest.parsing.html.parser import add_html
from ingest.parsing.html.reader import FENCE, LINE
from ingest.parsing.markdown.front_matter import read_front_matter
from ingest.parsing.markdown.tags import mark_tags
from ingest.parsing.outline import Outline, OutlineBuilder, add_plain
from rag.types import Place

# markdown-it drops blocks that are nested deeper, and its call stack grows with each level.
_MAX_NESTING = 40
# MkDocs, Hugo and Pandoc allow attributes after a heading: { #install .wide }
_HEADING_ATTRIBUTES = re.compile(r"\s*\{:?\s*[#.][^{}]*\}\s*$")
# Blocks of Docusaurus, VuePress and Pandoc (:::note Title), and of Python-Markdown (/// note | Title).
_CONTAINER = re.compile(r"^[ \t]*(?::{3,}|/{3,})[ \t]*(.*)$", re.MULTILINE)
_CONTAINER_KIND = re.compile(r"(?:\{[.:]?([\w-]+)[^}]*\}|([\w-]+))(?:[ \t|]+(.*))?")
_MDX_COMMENT = re.compile(r"\{/\*[^\0]{0,2000}?\*/\}")
_ALERT = re.compile(r"\A\[!([A-Z]+)\]")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|[#/.]|[^\s]*/", re.IGNORECASE)


def parse_markdown(text: str, uri: str = "") -> Outline:
    """Parse a document whose address is `uri`. Each block has the line at which it begins."""
    text = re.sub(r"\r\n?", "\n", text)
    front_matter = read_front_matter(text)
    content = text[front_matter.end :]
    builder = OutlineBuilder()
    if content.strip():
        builder.add_block(front_matter.text, Place(line=1))
    add_markdown(content, builder, uri, first_line=1 + text.count("\n", 0, front_matter.end))
    return builder.build(title=front_matter.title)


def add_markdown(content: str, builder: OutlineBuilder, uri: str = "", *, first_line: int | None = None) -> None:
    """Add Markdown without front matter to an outline, such as a cell of a notebook.

    `first_line` is its line in the document. Without it the blocks have no lines.
    """
    tokens = _MARKDOWN.parse(content)
    if all(token.level < _MAX_NESTING - 1 for token in tokens):
        add_html(_to_html(tokens, content, first_line), builder, uri)
    elif first_line is None:
        builder.add_block(content)
    else:
        # Plain text keeps the blocks that markdown-it has dropped.
        add_plain(content, builder, first_line=first_line)


def _to_html(tokens: Sequence[Token], content: str, first_line: int | None) -> str:
    mark_tags(tokens, first_line)
    _number_items(tokens)
    for token in tokens:
        if token.map and token.nesting >= 0 and first_line is not None:
            token.attrSet(LINE, str(first_line + token.map[0]))
    env = {"lines": content.split("\n"), "labels": _labels(tokens)}
    html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, env)
    return html


def _number_items(tokens: Sequence[Token]) -> None:
    """Give the items of numbered lists the numbers that the file has, unless all items have the same number."""
    lists: list[list[Token]] = []
    for token in tokens:
        if token.type in {"ordered_list_open", "bullet_list_open"}:
            lists.append([])
        elif token.type == "list_item_open":
            lists[-1].append(token)
        elif token.type in {"ordered_list_close", "bullet_list_close"}:
            items = lists.pop()
            if len({item.info for item in items}) > 1:
                for item in items:
                    item.attrSet("value", item.info)


def _labels(tokens: Sequence[Token]) -> set[str]:
    """Return the labels of link definitions that links refer to."""
    inline = (child for token in tokens for child in token.children or ())
    return {child.meta["label"] for child in inline if "label" in child.meta}


def _prepare_paragraphs(state: StateCore) -> None:
    """Name containers, label footnotes and remove the attributes of headings, before inline markup is parsed."""
    footnote = ""
    for above, token in pairwise(state.tokens):
        if above.type == "footnote_reference_open":
            footnote = f"\\[{above.meta['label']}\\] "
        if token.type != "inline":
            continue
        # Before the first character, the plugin of formulas reads the last one, where it accepts no digit.
        token.content, footnote = f"{footnote}{token.content}{' ' * token.content.startswith('$')}", ""
        if "{/*" in token.content:
            token.content = _MDX_COMMENT.sub("", token.content)
        if above.type == "heading_open":
            token.content = _HEADING_ATTRIBUTES.sub("", token.content)
        elif above.type == "paragraph_open" and token.content.lstrip().startswith((":::", "///")):
            token.content = _CONTAINER.sub(_container_title, token.content)
        elif above.type == "paragraph_open" and token.content.startswith("[!"):
            token.content = _ALERT.sub(lambda alert: f"{alert[1].capitalize()}:", token.content)


def _container_title(container: re.Match[str]) -> str:
    kind = _CONTAINER_KIND.fullmatch(container[1])
    if kind is None:
        return container[1]
    title = ": ".join(filter(None, [(kind[1] or kind[2]).capitalize(), (kind[3] or "").strip(" []")]))
    # Two spaces are a line break.
    return f"{title}  "


def _fence(_self: object, tokens: Sequence[Token], index: int, *_: object) -> str:
    token = tokens[index]
    name = f' {FENCE}="{escape(token.info.strip())}"' if token.type == "fence" else ""
    # A parser of HTML drops the first line break.
    return f'<pre {LINE}="{token.attrs.get(LINE, "")}"{name}>\n{escape(token.content)}</pre>\n'


def _definition(_self: object, tokens: Sequence[Token], index: int, _options: object, env: dict[str, Any]) -> str:
    """Return a line that only looks like the definition of a link, such as `[ERROR]: timeout`, as a paragraph."""
    token = tokens[index]
    is_link = token.meta["id"] in env["labels"] or _ADDRESS.match(token.meta["url"])
    if is_link or token.map is None:
        return ""
    lines = env["lines"][token.map[0] : token.map[1]]
    return f'<p {LINE}="{token.attrs.get(LINE, "")}">{escape(" ".join(lines))}</p>\n'


def _footnote_mark(_self: object, tokens: Sequence[Token], index: int, *_: object) -> str:
    return f'<sup class="footnote">[{escape(tokens[index].meta["label"])}]</sup>'


def _nothing(*_: object) -> str:
    return ""


def _formula(_self: object, tokens: Sequence[Token], index: int, *_: object) -> str:
    # The signs stay, because "$5 or 5$" is a formula for the parser.
    mark = tokens[index].markup
    return f"{mark}{escape(' '.join(tokens[index].content.split()))}{mark}"


def _build() -> MarkdownIt:
    options = {"maxNesting": _MAX_NESTING, "inline_definitions": True, "store_labels": True}
    markdown = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    markdown.use(footnote_plugin, inline=False, move_to_end=False).use(deflist_plugin).use(admon_plugin)
    markdown.use(dollarmath_plugin, allow_space=False, allow_digits=False, allow_labels=False, double_inline=True)
    markdown.core.ruler.before("inline", "paragraphs", _prepare_paragraphs)
    rules: dict[str, Callable[..., str]] = {
        "fence": _fence,
        "code_block": _fence,
        "definition": _definition,
        "footnote_ref": _footnote_mark,
        "math_inline": _formula,
        "math_inline_double": _formula,
        "math_block": _formula,
        "footnote_reference_open": _nothing,
        "footnote_reference_close": _nothing,
    }
    for name, rule in rules.items():
        markdown.add_render_rule(name, rule)
    return markdown


_MARKDOWN = _build()
