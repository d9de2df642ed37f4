"""The entry point for DOCX: bytes in, an outline out."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ingest.parsing.docx.blocks import Block, add_blocks, below_title, plain_lines
from ingest.parsing.docx.document import WordDocument, open_document
from ingest.parsing.docx.fields import without_page_numbers
from ingest.parsing.docx.story import StoryReader
from ingest.parsing.office_archive import DAMAGE, damaged, open_office
from ingest.parsing.ooxml.drawings import has_picture
from ingest.parsing.ooxml.package import Package, child_of, is_on
from ingest.parsing.outline import Outline, OutlineBuilder

# A document with pictures and less text than a paragraph is probably a scan.
_MANY_CHARACTERS = 100
_MARKS = {"headerReference": "Header", "footerReference": "Footer"}


def parse_docx(body: bytes) -> Outline:
    """Parse the text of the printed page; it has no place, because only a printer knows the pages."""
    archive = open_office(body, kind="DOCX", folder="word/")
    builder = OutlineBuilder()
    try:
        document = open_document(
            Package(archive), lambda message, place: builder.warn("dropped_object", message, place=place)
        )
        blocks = list(_body(document))
        has_title = any(block.is_title for block in blocks)
        add_blocks(below_title(blocks, has_title=has_title), builder)
    except DAMAGE as error:
        raise damaged("DOCX") from error
    return builder.build()


def _body(document: WordDocument) -> Iterator[Block]:
    root = document.package.tree(document.part)
    body = child_of(root, "body")
    if root is None or body is None:
        raise KeyError(document.part)
    yield from _headers_and_footers(document, body)
    characters = 0
    for block in StoryReader(document, document.part, root).blocks(body):
        characters += _MANY_CHARACTERS if block.rows else len(block.text)
        yield block
    if characters < _MANY_CHARACTERS and has_picture(body):
        document.warn("The document consists of pictures, whose text is not read: run text recognition (OCR) on it.")


def _headers_and_footers(document: WordDocument, body: Element) -> Iterator[Block]:
    """Yield each distinct header and footer that some page shows.

    They precede the text, because below its last heading they would seem to belong to that heading.
    """
    relations = document.package.relations(document.part)
    has_even_pages = document.settings is not None and is_on(document.settings.find("evenAndOddHeaders"))
    seen: set[str] = set()
    for section in body.iter("sectPr"):
        shown = {"default"} | ({"first"} if is_on(section.find("titlePg")) else set())
        shown |= {"even"} if has_even_pages else set()
        for reference in section:
            relation = relations.get(reference.get("r:id", ""))
            if reference.tag not in _MARKS or relation is None or reference.get("type", "default") not in shown:
                continue
            text = _margin_text(document, relation.target)
            if text and text not in seen:
                seen.add(text)
                yield Block(text=f"{_MARKS[reference.tag]}: {text}")


def _margin_text(document: WordDocument, part: str) -> str:
    root = document.package.tree(part)
    if root is None:
        return ""
    lines = plain_lines(StoryReader(document, part, root, hides_page_numbers=True).blocks(root))
    shown = (" ".join(without_page_numbers(line).split()) for line in lines)
    return "\n".join(dict.fromkeys(filter(None, shown)))
