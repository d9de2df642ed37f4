"""Convert inline HTML elements to text that keeps their meaning."""

from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from ingest.parsing.html.marks import address_beside, date_beside, is_document, lowered, note_mark, raised, resolved
from ingest.parsing.html.mathml import linear, linear_tex
from ingest.parsing.outline import OutlineBuilder

INLINE = {"sup", "sub", "a", "abbr", "dfn", "q", "ruby", "rt", "time"}
REPLACED = {"img", "input", "select", "textarea", "math", "embed", "object", "script"}
_TEXT = "-text"
_FIELDS = {*("", "text", "email", "tel", "number", "date", "time", "month", "week", "datetime-local", "url", "search")}
_BOXES = {"checkbox", "radio"}
_NOTE_ROLES = {"doc-noteref", "noteref"}
_NOTE_CLASSES = ("footnote", "noteref", "reference")
_CONTEXT_CHARACTERS = 40
_MAX_EXPANSIONS = 10_000


@dataclass(slots=True)
class _Open:
    """An open inline element, and where its text begins."""

    tag: str
    block: int
    start: int


class InlineMarks:
    """The open inline elements of a page."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._open: list[_Open] = []
        self._block = 0
        self._expanded: set[str] = set()
        self._pronunciations: list[str] = []

    def end_block(self) -> None:
        """Note that the caller has taken the pieces of text, so that those of open elements begin at 0 again."""
        self._block += 1

    def enter(self, tag: str, parts: list[str]) -> None:
        if tag == "q":
            parts.append("\u201c")
        self._open.append(_Open(tag, self._block, len(parts)))

    def leave(self, node: LexborNode, parts: list[str]) -> None:
        """Add what the element means for its text, such as quotation marks, an address or a power."""
        opened = self._open.pop()
        start = opened.start if opened.block == self._block else 0
        inner = "".join(parts[start:])
        match opened.tag:
            case "q":
                parts.append("\u201d")
            case "sup":
                before = _tail(parts, start)
                text = raised(inner, before, _following(node), is_link=_is_note_link(node))
                parts[start:] = [text + _space_at_end(inner)]
            case "sub":
                parts[start:] = [lowered(inner, _tail(parts, start)) + _space_at_end(inner)]
            case "a" if node.attrs.sget("role") in _NOTE_ROLES and inner.strip().isalnum() and not self._is_in("sup"):
                parts[start:] = [note_mark(inner.strip(), _tail(parts, start))]
            case "a":
                parts.append(_in_brackets(address_beside(inner, node.attributes, self.base)))
            case "time":
                parts.append(_in_brackets(date_beside(inner, node.attrs.sget("datetime"))))
            case "rt":
                self._pronunciations.append(inner.strip())
                del parts[start:]
            case "ruby":
                parts.append(_in_brackets("".join(self._pronunciations)).strip())
                self._pronunciations = []
            case _:
                parts.append(self._expansion(inner, node.attrs.sget("title").strip()))

    def _is_in(self, tag: str) -> bool:
        return bool(self._open) and self._open[-1].tag == tag

    def _expansion(self, short: str, title: str) -> str:
        """Return the meaning of an abbreviation at its first occurrence."""
        if not title or title in self._expanded or title in short or len(self._expanded) > _MAX_EXPANSIONS:
            return ""
        self._expanded.add(title)
        return _in_brackets(title)


def replacement(tag: str, node: LexborNode, base: str, builder: OutlineBuilder) -> str:
    """Return the text that replaces an element, such as the alternative text of an image."""
    match tag:
        case "img":
            return node.attrs.sget("alt")
        case "math" | "script":
            return f" {linear(node) if tag == 'math' else linear_tex(node.text())} "
        case "select" | "textarea":
            return f" {_choice(node) if tag == 'select' else node.text()} "
        case "input":
            return _value(node)
        case _:
            return embedded(node.attrs.sget("data") or node.attrs.sget("src"), base, builder)


def embedded(target: str, base: str, builder: OutlineBuilder) -> str:
    """Return the address of a file that the page shows inside itself, and warn that its text is not read."""
    address = resolved(target.strip(), base)
    if not is_document(address):
        return ""
    builder.warn("dropped_object", "The page shows files whose text is not read.", place=address)
    return f" {address} "


def _tail(parts: list[str], end: int) -> str:
    """Return the last characters of the pieces before `end`."""
    tail = ""
    while end > 0 and len(tail) < _CONTEXT_CHARACTERS:
        end -= 1
        tail = parts[end][-_CONTEXT_CHARACTERS:] + tail
    return tail


def _following(node: LexborNode) -> str:
    sibling = node.next
    return (sibling.text_content or "")[:_CONTEXT_CHARACTERS] if sibling is not None and sibling.tag == _TEXT else ""


def _is_note_link(node: LexborNode) -> bool:
    if any(name in node.attrs.sget("class").lower() for name in _NOTE_CLASSES):
        return True
    parent = node.parent
    link = parent if parent is not None and parent.tag == "a" else node.css_first("a")
    return link is not None and "#" in link.attrs.sget("href")


def _space_at_end(text: str) -> str:
    return " " if text[-1:].isspace() else ""


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _choice(select: LexborNode) -> str:
    """Return the selected options, or what a browser shows without a selection: the first."""
    options = select.css("option")
    chosen = [option for option in options if "selected" in option.attrs]
    if not chosen and "multiple" not in select.attrs:
        chosen = options[:1]
    return ", ".join(" ".join(option.text().split()) for option in chosen)


def _value(field: LexborNode) -> str:
    kind = field.attrs.sget("type").lower()
    if kind in _BOXES:
        return "[x] " if "checked" in field.attrs else "[ ] "
    return f" {field.attrs.sget('value')} " if kind in _FIELDS else ""
