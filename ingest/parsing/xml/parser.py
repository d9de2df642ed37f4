"""Parse XML: documents with paragraphs and titles as text, feeds as articles, and data as labelled values."""

from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element, tostring

from ingest.parsing.html.parser import add_html
from ingest.parsing.html.tree import to_html
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.xml.prose import add_prose, is_prose
from ingest.parsing.xml.tree import to_tree
from rag.errors import InvalidInput

# Attributes that tell a program how to read the file.
_TECHNICAL = {"schemaLocation", "noNamespaceSchemaLocation", "space", "xmlns"}
_TITLE_TAGS = ("title", "name")
# A deeper path is longer than the value that it labels.
_MAX_PATH_CHARACTERS = 200
_HTML_PARTS = {"description", "encoded", "summary", "content", "subtitle"}


def parse_xml(text: str) -> Outline:
    root = to_tree(text)
    builder = OutlineBuilder()
    if root.tag == "html":
        add_html(to_html(text), builder)
        return builder.build(fallback_title=root.findtext("head/title") or "")
    if root.tag == "svg":
        raise InvalidInput("an SVG drawing, not a text document")
    if entries := _feed_entries(root):
        return _read_feed(root, entries, builder)
    if is_prose(root):
        return add_prose(root, builder)
    _add_records(root, builder)
    return builder.build(title=_title_of(root))


def _feed_entries(root: Element) -> list[Element]:
    """Return the articles of an RSS or Atom feed, or nothing for other XML."""
    if root.tag not in {"rss", "RDF", "feed"}:
        return []
    return [element for element in root.iter() if element.tag in {"item", "entry"}]


def _read_feed(root: Element, entries: list[Element], builder: OutlineBuilder) -> Outline:
    channel = root.find("channel")
    head = channel if channel is not None else root
    _add_article(head, builder)
    for entry in entries:
        # A heading of level 1 would become the title.
        builder.add_heading(2, _title_of(entry))
        _add_article(entry, builder)
    return builder.build(title=_title_of(head))


def _add_article(article: Element, builder: OutlineBuilder) -> None:
    """Add the fields of an article or of the feed itself, and then its text, which is HTML."""
    fields = [child for child in article if child.tag not in {"item", "entry", "title", *_HTML_PARTS}]
    builder.add_block("\n".join(line for field in fields for line in _lines(field)))
    for part in article:
        if part.tag in _HTML_PARTS:
            # Atom allows XHTML elements instead of escaped HTML.
            add_html(tostring(part, "unicode", method="html") if len(part) else part.text or "", builder)


def _add_records(root: Element, builder: OutlineBuilder) -> None:
    """Add a block for each record. A child that holds repeated records becomes a section of its own."""
    builder.add_block("\n".join(_own_lines(root, root.tag)))
    counts = Counter(child.tag for child in root)
    for child in root:
        repeats = len(child) > 0 and len({inner.tag for inner in child}) < len(child)
        if len(child) > 0 and counts[child.tag] == 1 and repeats:
            builder.add_heading(2, child.tag)
            builder.add_lines(_own_lines(child, child.tag))
            for inner in child:
                builder.add_lines(_lines(inner))
        else:
            builder.add_lines(_lines(child))


def _lines(record: Element) -> Iterator[str]:
    """Yield lines such as `book.author.name: Ada` in order.

    An explicit stack avoids Python's recursion limit on deeply nested data.
    """
    waiting: list[tuple[str, Element | str]] = [(record.tag, record)]
    while waiting:
        path, element = waiting.pop()
        if isinstance(element, str):
            yield f"{path}: {element}"
            continue
        yield from _own_lines(element, path)
        children: list[tuple[str, Element | str]] = []
        for child in element:
            children.append((_joined(path, child.tag), child))
            if tail := _one_line(child.tail):
                children.append((path, tail))
        waiting.extend(reversed(children))


def _own_lines(element: Element, path: str) -> Iterator[str]:
    """Yield the element's text and its attributes."""
    if text := _one_line(element.text):
        yield f"{path}: {text}"
    for name, value in element.items():
        if name not in _TECHNICAL and value.strip():
            yield f"{_joined(path, name)}: {_one_line(value)}"


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}"[-_MAX_PATH_CHARACTERS:]


def _title_of(element: Element) -> str:
    texts = (element.findtext(name) or "" for name in _TITLE_TAGS)
    return next((text for text in map(_one_line, texts) if text), "")


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
