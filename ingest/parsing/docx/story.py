"""Read a story of a Word document, such as its body, a header, a note or a text box, into blocks."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ingest.parsing.docx.blocks import Block
from ingest.parsing.docx.document import WordDocument
from ingest.parsing.docx.fields import unmatched_fields
from ingest.parsing.docx.inline import InlineReader
from ingest.parsing.docx.styles import level_of
from ingest.parsing.docx.tables import read_table
from ingest.parsing.html.parser import parse_html
from ingest.parsing.office_archive import WEB_PAGES
from ingest.parsing.ooxml.charts import read_chart
from ingest.parsing.ooxml.drawings import diagram_lines
from ingest.parsing.ooxml.package import is_on, value_of

_UNSEEN = {"del", "moveFrom", "sectPr", "pPr", "tblPr", "tblGrid", "sdtPr", "sdtEndPr", "customXmlPr", "tcPr"}


class StoryReader:
    """A reader of one part."""

    def __init__(self, document: WordDocument, part: str, root: Element, *, hides_page_numbers: bool = False) -> None:
        self._document = document
        self._part = part
        self._relations = document.package.relations(part)
        self._unmatched = unmatched_fields(root)
        self._hides_page_numbers = hides_page_numbers
        self._inline = self._inline_reader()
        # The text before a paragraph mark that was deleted. It continues in the next paragraph.
        self._unfinished = ""

    def blocks(self, parent: Element) -> Iterator[Block]:
        """Yield the blocks in an element, in their order."""
        for element in parent:
            match element.tag:
                case "p":
                    yield from self._paragraph(element)
                case "tbl":
                    yield from read_table(element, self._document.styles, self.blocks)
                case "altChunk":
                    yield from self._inserted_file(element)
                case tag if tag not in _UNSEEN:
                    yield from self.blocks(element)
        if self._unfinished and parent.tag in {"body", "tc", "txbxContent"}:
            yield Block(text=self._take_unfinished().strip())

    def _inserted_file(self, element: Element) -> Iterator[Block]:
        """Yield the text of a file that Word inserts when it opens the document."""
        relation = self._relations.get(element.get("r:id", ""))
        body = self._document.package.content(relation.target) if relation and not relation.is_external else b""
        if not body.strip() or not (relation and relation.target.lower().endswith(WEB_PAGES)):
            self._document.warn("A file that Word inserts when it opens the document is not read.")
            return
        for section in parse_html(body).sections:
            yield from (Block(text=name, level=level) for level, name in enumerate(section.heading_path, 1))
            yield Block(text=section.text)

    def _paragraph(self, paragraph: Element) -> Iterator[Block]:
        properties = paragraph.find("pPr")
        style = self._document.styles.paragraph_style(properties)
        text, anchored = self._inline.read(paragraph, style.look)
        if self._has_deleted_end(properties):
            self._unfinished += text
            yield from anchored
            return
        text = (self._take_unfinished() + text).strip()
        outline = value_of(properties, "outlineLvl")
        level = level_of(outline) if outline else style.level
        if not text and self._is_hidden(properties):
            yield from anchored
            return
        label = self._document.numbering.next_label(properties, style)
        if text and label and label.text:
            text = label.before(text)
        if text and (style.is_title or level):
            self._document.heading = text
        if text and style.is_title:
            yield Block(text=text, level=1, is_title=True)
        elif text and level:
            yield Block(text=text, level=level)
        elif text and (label or style.is_contents):
            yield Block(text=text, depth=label.level if label else 0)
        elif text:
            yield Block(text=text)
        yield from anchored

    def _take_unfinished(self) -> str:
        text, self._unfinished = self._unfinished, ""
        return text

    @staticmethod
    def _has_deleted_end(properties: Element | None) -> bool:
        return properties is not None and (
            properties.find("rPr/del") is not None or properties.find("rPr/moveFrom") is not None
        )

    @staticmethod
    def _is_hidden(properties: Element | None) -> bool:
        return properties is not None and is_on(properties.find("rPr/vanish"))

    def _inline_reader(self) -> InlineReader:
        return InlineReader(
            document=self._document,
            part=self._part,
            relations=self._relations,
            read_blocks=self._other_blocks,
            read_graphic=self._graphic,
            unmatched=self._unmatched,
            hides_page_numbers=self._hides_page_numbers,
        )

    def _other_blocks(self, element: Element, part: str) -> Iterator[Block]:
        """Yield the blocks of a note or comment, which is in another part."""
        return StoryReader(self._document, part, element).blocks(element)

    def _graphic(self, graphic: Element) -> Iterator[Block]:
        """Yield the text of a drawing: its text boxes, diagrams and charts. Other objects are reported."""
        for element in graphic:
            match element.tag:
                case "txbxContent":
                    yield from self._box(element)
                case "relIds":
                    yield from self._diagram(element)
                case "chart":
                    yield from self._chart(element)
                case "textpath" if element.get("string"):
                    yield Block(text=element.get("string", ""))
                case "OLEObject":
                    self._document.warn(_reason(element.get("ProgID", "")))
                case "control":
                    self._document.warn("ActiveX controls are not read.")
                case _:
                    yield from self._graphic(element)

    def _box(self, box: Element) -> Iterator[Block]:
        # The text of a box does not continue the paragraph in which it is anchored, nor its fields.
        inline, unfinished = self._inline, self._unfinished
        self._inline, self._unfinished = self._inline_reader(), ""
        yield from list(self.blocks(box))
        self._inline, self._unfinished = inline, unfinished

    def _diagram(self, element: Element) -> Iterator[Block]:
        data = self._document.package.referenced(self._part, element.get("r:dm"))
        if data is None:
            self._document.warn("A diagram without its data is not read.")
            return
        for depth, text in diagram_lines(data):
            yield Block(text=f"- {text}", depth=depth)

    def _chart(self, element: Element) -> Iterator[Block]:
        chart = read_chart(self._document.package.referenced(self._part, element.get("r:id")))
        if not chart.rows:
            self._document.warn("A chart without stored values is not read.")
        if chart.title:
            yield Block(text=f"Chart: {chart.title}")
        if chart.rows:
            yield Block(rows=chart.rows)


def _reason(program: str) -> str:
    if program.startswith("Equation"):
        return "Equations of the old editor are pictures and are not read."
    return f"Embedded objects are not read: {program.partition('.')[0] or 'of an unknown kind'}."
