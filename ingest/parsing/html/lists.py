"""Number the items of HTML lists as a browser does."""

import re

from selectolax.lexbor import LexborNode

from ingest.parsing.html.marks import numbered

_STYLES = {"lower-alpha": "a", "lower-latin": "a", "upper-alpha": "A", "upper-latin": "A"} | {
    "lower-roman": "i",
    "upper-roman": "I",
}
_STYLE = re.compile(r"list-style(?:-type)?\s*:[^;]*?\b((?:lower|upper)-(?:alpha|latin|roman))", re.IGNORECASE)
_NUMBER = re.compile(r"\s*([-+]?\d{1,9})")


class HtmlList:
    """An open list: bulleted, or numbered with the number of its next item."""

    def __init__(self, node: LexborNode) -> None:
        self.is_numbered = node.tag == "ol"
        self._step = -1 if "reversed" in node.attrs else 1
        style = _STYLE.search(node.attrs.sget("style"))
        self._style = _STYLES[style[1].lower()] if style else node.attrs.sget("type")
        first = _number(node, "start")
        items = sum(child.tag == "li" for child in node.iter())
        self._next = first if first is not None else items if self._step < 0 else 1

    def next_marker(self, item: LexborNode) -> str:
        """Return the marker of the next item with a space behind it."""
        if not self.is_numbered:
            return "- "
        value = _number(item, "value")
        number = self._next if value is None else value
        self._next = number + self._step
        return f"{numbered(number, item.attrs.sget('type') or self._style)}. "


def _number(node: LexborNode, name: str) -> int | None:
    digits = _NUMBER.match(node.attrs.sget(name))
    return int(digits[1]) if digits else None
