"""Read the text of a paragraph: runs, fields, links, equations, symbols, and what is anchored in it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ingest.parsing.docx.blocks import Block, text_of
from ingest.parsing.docx.document import Aside, WordDocument
from ingest.parsing.docx.fields import PAGE_MARK, Field
from ingest.parsing.docx.styles import Look
from ingest.parsing.html.marks import address_beside
from ingest.parsing.ooxml.drawings import alternative_text
from ingest.parsing.ooxml.equations import linear
from ingest.parsing.ooxml.package import Relation, hex_number_of, is_on_attribute
from ingest.parsing.ooxml.symbols import symbol, with_symbols
from ingest.parsing.ooxml.typography import Piece, joined

# Elements whose text a reader of the document does not see: deletions, properties, and marks of notes.
_UNSEEN = {
    *("del", "moveFrom", "delText", "delInstrText", "pPr", "rPr", "sdtPr", "sdtEndPr", "smartTagPr", "customXmlPr"),
    *("rubyPr", "annotationRef", "footnoteRef", "endnoteRef", "separator", "continuationSeparator", "ffData"),
}

_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}

ReadBlocks = Callable[[Element, str], Iterator[Block]]
"""Reads the blocks in an element of a part, given by its path."""


@dataclass(slots=True, kw_only=True)
class InlineReader:
    """A reader of the paragraphs of one part. Fields can span its paragraphs."""

    document: WordDocument
    part: str
    relations: Mapping[str, Relation]
    read_blocks: ReadBlocks
    read_graphic: Callable[[Element], Iterator[Block]]
    unmatched: set[int]
    """Python ids of the field characters that lack the other end of their field."""
    hides_page_numbers: bool = False
    """True in headers and footers, which differ only by it from page to page."""
    _pieces: list[Piece] = field(default_factory=list)
    _fields: list[Field] = field(default_factory=list)
    _anchored: list[Block] = field(default_factory=list)
    _paragraphs: int = 0
    """Number of the current paragraph, because a field can begin in an earlier one."""
    _look: Look = field(default_factory=Look)
    _is_apart: bool = False
    """True if the next word must not run into the last piece."""

    def read(self, paragraph: Element, look: Look) -> tuple[str, list[Block]]:
        """Return the text of a paragraph, and the blocks that are anchored in it."""
        self._paragraphs += 1
        self._pieces, self._anchored, self._look, self._is_apart = [], [], look, False
        self._children(paragraph)
        return joined(self._pieces), self._anchored

    def _children(self, element: Element) -> None:
        for child in element:
            self._read(child)

    def _read(self, element: Element) -> None:
        match element.tag:
            case tag if tag in _UNSEEN:
                return
            case "r":
                self._run(element)
            case "hyperlink":
                start = len(self._pieces)
                self._children(element)
                relation = self.relations.get(element.get("r:id", ""))
                self._add_link(start, relation.target if relation and relation.is_external else "")
            case "fldSimple":
                self._fields.append(Field(len(self._pieces), self._paragraphs, True, [element.get("instr", "")]))
                self._children(element)
                self._end_field()
            case "oMath" | "oMathPara":
                equations = [element] if element.tag == "oMath" else element.findall("oMath")
                self._add_apart("; ".join(map(linear, equations)))
            case "pgNum":
                self._add(PAGE_MARK if self.hides_page_numbers else "")
            case "commentReference":
                self._comment(element.get("id", ""))
            case _:
                self._children(element)

    def _run(self, run: Element) -> None:
        paragraph_look = self._look
        self._look = self.document.styles.run_look(run.find("rPr"), paragraph_look)
        for child in run:
            self._run_content(child, run)
        self._look = paragraph_look

    def _run_content(self, element: Element, run: Element) -> None:
        match element.tag:
            case tag if tag in _CHARACTERS:
                self._add(_CHARACTERS[tag])
            case "t":
                self._add(with_symbols((element.text or "").replace("\n", " "), self._look.font))
            case "sym":
                self._add(symbol(hex_number_of(element.get("char")), element.get("font", "")))
            case "ruby":
                self._ruby(element)
            case "fldChar" | "instrText":
                self._field_character(element)
            case "footnoteReference" | "endnoteReference":
                self._note(element, run)
            case "drawing" | "pict" | "object":
                self._graphic(element)
            case "AlternateContent" | "Choice" | "Fallback":
                for child in element:
                    self._run_content(child, run)
            case _:
                self._read(element)

    def _add(self, text: str) -> None:
        if text and self._is_visible and not self._look.is_hidden:
            if self._is_apart and text[0].isalnum():
                text = f" {text}"
            self._is_apart = False
            self._pieces.append(Piece(text, self._look.is_struck, self._look.script))

    def _add_apart(self, text: str) -> None:
        """Add text that must not run into the words around it."""
        self._is_apart = bool(self._pieces) and not self._pieces[-1].text[-1:].isspace()
        if text[:1] and not text[0].isalnum() and self._is_apart and self._pieces[-1].text[-1].isalnum():
            text = f" {text}"
        self._add(text)
        self._is_apart = True

    @property
    def _is_visible(self) -> bool:
        return all(field.in_result for field in self._fields)

    def _field_character(self, element: Element) -> None:
        if id(element) in self.unmatched:
            return
        match element.get("fldCharType"):
            case None if self._fields and not self._fields[-1].in_result:
                self._fields[-1].instructions.append(element.text or "")
            case "begin":
                self._fields.append(Field(len(self._pieces), self._paragraphs, form=element.find("ffData")))
            case "separate" if self._fields:
                self._fields[-1].in_result = True
                self._fields[-1].start = len(self._pieces)
                self._fields[-1].paragraph = self._paragraphs
            case "end" if self._fields:
                self._end_field()

    def _end_field(self) -> None:
        ended = self._fields.pop()
        start = ended.start if ended.paragraph == self._paragraphs else 0
        if ended.is_page_number and self.hides_page_numbers:
            del self._pieces[start:]
            self._add(PAGE_MARK)
        elif ended.address:
            self._add_link(start, ended.address)
        elif ended.paragraph == self._paragraphs and len(self._pieces) <= start:
            self._add(with_symbols(ended.text(), self._look.font))
            if ended.is_computed and self._is_visible:
                self.document.warn("Fields that Word computes, such as EQ or AUTONUM, are not read.")

    def _add_link(self, start: int, target: str) -> None:
        text = "".join(piece.text for piece in self._pieces[start:])
        if text.strip() and (address := address_beside(text, {"href": target}, "")):
            self._add(f"({address})" if text[-1].isspace() else f" ({address})")
            self._is_apart = True

    def _ruby(self, element: Element) -> None:
        """Add the text with its pronunciation in parentheses."""
        for base in element.iterfind("rubyBase"):
            self._children(base)
        start = len(self._pieces)
        for pronunciation in element.iterfind("rt"):
            self._children(pronunciation)
        if pronounced := "".join(piece.text for piece in self._pieces[start:]):
            del self._pieces[start:]
            self._add(f"({pronounced})")

    def _note(self, element: Element, run: Element) -> None:
        kind = element.tag.removesuffix("Reference")
        note = self.document.notes.pop((kind, element.get("id", "")), None)
        if note is None or not self._is_visible or self._look.is_hidden:
            return
        if not is_on_attribute(element.get("customMarkFollows")):
            mark = f"^{self.document.next_note_number(kind)}"
            self._pieces.append(Piece(f"[{mark}]"))
        else:
            mark = "".join(text.text or "" for text in run.iterfind("t")) or "*"
        self._aside(f"[{mark}]: ", note)

    def _comment(self, id: str) -> None:
        if comment := self.document.comments.pop(id, None):
            author = comment.element.get("author", "").strip()
            self._aside(f"[Comment by {author}] " if author else "[Comment] ", comment)

    def _aside(self, label: str, aside: Aside) -> None:
        if text := text_of(self.read_blocks(aside.element, aside.part)):
            self._anchored.append(Block(text=label + text, is_aside=True))

    def _graphic(self, element: Element) -> None:
        if not self._is_visible or self._look.is_hidden:
            return
        if alternative := alternative_text(element):
            self._add_apart(f"[Image: {alternative}]")
        self._anchored.extend(self.read_graphic(element))
