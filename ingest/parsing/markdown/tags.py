"""Distinguish HTML tags in Markdown from text in angle brackets, such as `<your-token>` and `Vec<T>`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from markdown_it.token import Token

from ingest.parsing.html.reader import LINE
from ingest.parsing.html.tree import VOID

_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]*)(?P<rest>(?:[^<>\"']|\"[^\"]{0,2000}\"|'[^']{0,2000}'){0,2000})>"
)
_RAW = re.compile(r"<!--|<(?:script|style)\b", re.IGNORECASE)
_LABEL = re.compile(r"\s(?:title|label|header|summary)=(?:\"([^\"<>]{1,200})\"|'([^'<>]{1,200})')")

_VOID = VOID | {"param"}
_ALWAYS_MARKUP = {"br", "hr", "wbr", "img"}
_END_IS_OPTIONAL = {"p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "rt", "rp"}
_INLINE = {
    *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i"),
    *("ins", "kbd", "label", "mark", "nobr", "output", "q", "ruby", "s", "samp", "small", "span", "strike", "strong"),
    *("sub", "sup", "time", "tt", "u", "var"),
}
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "body", "caption", "center", "colgroup", "details", "dialog"),
    *("dir", "div", "dl", "fieldset", "figcaption", "figure", "footer", "form", "frame", "frameset", "h1", "h2"),
    *("h3", "h4", "h5", "h6", "head", "header", "hgroup", "html", "legend", "main", "menu", "nav", "ol", "pre"),
    *("search", "section", "summary", "table", "ul"),
}
# Without an end tag each of them hides the rest of the document.
_HIDING = {
    *("audio", "button", "canvas", "datalist", "iframe", "map", "math", "meter", "noframes", "noscript", "object"),
    *("optgroup", "option", "picture", "plaintext", "progress", "script", "select", "slot", "style", "svg"),
    *("template", "textarea", "title", "video", "xmp"),
}
_DRAWING = {
    *("circle", "clippath", "defs", "desc", "ellipse", "filter", "foreignobject", "g", "image", "line"),
    *("lineargradient", "marker", "mask", "path", "pattern", "polygon", "polyline", "radialgradient", "rect", "stop"),
    *("symbol", "text", "textpath", "tspan", "use"),
}
_FORMULA = {
    *("annotation", "menclose", "mfenced", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded"),
    *("mphantom", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd"),
    *("mtext", "mtr", "munder", "munderover", "semantics"),
}
_KNOWN = _VOID | _END_IS_OPTIONAL | _INLINE | _BLOCKS | _HIDING | _DRAWING | _FORMULA


@dataclass(slots=True)
class _Tag:
    token: Token
    match: re.Match[str]
    is_inline: bool
    has_partner: bool = False


def mark_tags(tokens: Sequence[Token], first_line: int | None) -> None:
    """Rewrite the HTML in the tokens: tags of blocks get their line, and text in angle brackets is escaped.

    `first_line` is the number of the line at which the tokens' own numbers begin, if lines matter.
    """
    tags = list(_tags(tokens))
    _find_partners(tags)
    by_token: dict[int, list[_Tag]] = {}
    for tag in tags:
        by_token.setdefault(id(tag.token), []).append(tag)
    for token in _html_tokens(tokens):
        if token.content.startswith(("<?", "<!")) and not token.content.startswith("<!--"):
            token.content = escape(token.content)
        else:
            token.content = _rewritten(token, by_token.get(id(token), []), first_line)


def _html_tokens(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "html_block":
            yield token
        for child in token.children or ():
            if child.type == "html_inline":
                yield child


def _tags(tokens: Sequence[Token]) -> Iterator[_Tag]:
    for token in _html_tokens(tokens):
        for start, end in _outside_raw_text(token.content):
            for match in _TAG.finditer(token.content, start, end):
                yield _Tag(token, match, token.type == "html_inline")


def _outside_raw_text(html: str) -> Iterator[tuple[int, int]]:
    """Yield the spans outside comments, scripts and styles."""
    position, ends = 0, {"<!--": "-->", "<script": "</script", "<style": "</style"}
    lowered = html.lower()
    while raw := _RAW.search(html, position):
        yield position, raw.start()
        end = lowered.find(ends[raw[0].lower()], raw.end())
        if end < 0:
            return
        position = end
    yield position, len(html)


def _find_partners(tags: Sequence[_Tag]) -> None:
    opened: dict[str, list[_Tag]] = {}
    for tag in tags:
        name = tag.match["name"]
        key = name.lower() if name.lower() in _KNOWN else name
        if not tag.match["end"]:
            opened.setdefault(key, []).append(tag)
        elif opened.get(key):
            tag.has_partner = opened[key].pop().has_partner = True


def _rewritten(token: Token, tags: Sequence[_Tag], first_line: int | None) -> str:
    html, position, parts = token.content, 0, []
    line = (first_line or 0) + (token.map[0] if token.map else 0)
    for tag in tags:
        between = html[position : tag.match.start()]
        line += between.count("\n")
        # An instruction such as "<?php" would hide the text up to the next bracket.
        parts.append(between.replace("<?", "&lt;?"))
        if not _is_markup(tag):
            parts.append(escape(tag.match[0]))
        elif tag.match["name"].lower() not in _KNOWN:
            label = _LABEL.search(tag.match["rest"])
            parts.append(f"\n<p>{label[1] or label[2]}</p>\n" if label else "")
        elif tag.match["end"] or tag.is_inline:
            parts.append(tag.match[0])
        else:
            place = "" if first_line is None else f' {LINE}="{line}"'
            parts.append(f"<{tag.match['name']}{place} {tag.match['rest']}>")
        line += tag.match[0].count("\n")
        position = tag.match.end()
    return "".join([*parts, html[position:].replace("<?", "&lt;?")])


def _is_markup(tag: _Tag) -> bool:
    name = tag.match["name"].lower()
    has_attributes = bool(tag.match["rest"].strip(" \t\n/"))
    if name not in _KNOWN:
        # Components and custom elements. An element of another vocabulary is an example of XML.
        is_component = tag.match["name"][0].isupper() or "-" in name
        return is_component and tag.has_partner
    if tag.match["end"] or tag.has_partner or name in _ALWAYS_MARKUP:
        return True
    if name in _VOID:
        return has_attributes
    if name in _END_IS_OPTIONAL:
        return not tag.is_inline or tag.match["name"].islower()
    return name not in _HIDING and (has_attributes or not tag.is_inline)
