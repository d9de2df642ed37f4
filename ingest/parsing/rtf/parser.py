"""Parse RTF: paragraphs, headings, list numbers, tables, notes and text boxes, without hidden and deleted text."""

from dataclasses import dataclass, replace

from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.rtf import words
from ingest.parsing.rtf.flow import CellDefinition, Flow
from ingest.parsing.rtf.tokens import SYMBOL_FONT, Token, decode_symbols, encoding_of_charset, encoding_of_page, tokens
from ingest.parsing.tables.row import SpannedRow, spread
from ingest.parsing.tables.table import add_table
from rag.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The properties that end with a group."""

    flow: Flow
    is_skipped: bool = False
    encoding: str = "cp1252"
    fallback: int = 1
    """How many characters after a Unicode character are its replacement for old programs."""
    is_hidden: bool = False
    is_deleted: bool = False
    is_struck: bool = False
    is_raised: bool = False
    is_in_table: bool = False
    level: int = words.BODY_LEVEL
    """Level of the heading from 0; 9 is a paragraph."""
    is_starred: bool = False
    table: str = ""
    """The table of the document that the group belongs to: fonts or styles."""


def parse_rtf(body: bytes) -> Outline:
    if not body.lstrip().startswith(b"{\\rtf"):
        raise InvalidInput("not an RTF file: it does not start with {\\rtf")
    return _Reader().read(body.lstrip())


class _Reader:
    def __init__(self) -> None:
        self._builder = OutlineBuilder()
        self._body = Flow()
        self._group = _Group(flow=self._body)
        self._groups: list[_Group] = []
        self._raw = bytearray()
        """Bytes that are not decoded yet, because a character can have several."""
        self._to_skip = 0
        self._high = 0
        """The first half of a character beyond U+FFFF."""
        self._default = "cp1252"
        self._fonts: dict[int, str] = {}
        self._entry = 0
        """The font or style whose definition is read."""
        self._levels: dict[int, int] = {}
        self._definitions: list[CellDefinition] = []
        self._next_definition = CellDefinition()
        self._is_header_row = False
        self._title = self._author = ""
        self._notes = 0
        self._after: list[str] = []
        self._margins: set[str] = set()

    def read(self, body: bytes) -> Outline:
        for token in tokens(body):
            self._take(token)
            if token.kind == "close" and not self._groups:
                break
        else:
            self._builder.warn("cut_text", "The file ends inside a group: it is truncated.")
        self._end_paragraph()
        self._end_table(self._body)
        return self._builder.build(title=self._title)

    def _take(self, token: Token) -> None:
        if token.kind in {"hex", "text"}:
            raw = token.raw
            if self._to_skip:
                skipped, self._to_skip = min(self._to_skip, len(raw)), max(0, self._to_skip - len(raw))
                raw = raw[skipped:]
            self._raw += raw
            return
        self._decode()
        if token.kind == "open":
            self._to_skip = 0
            self._groups.append(self._group)
            self._group = replace(self._group, is_starred=False)
        elif token.kind == "close":
            self._to_skip = 0
            self._close()
        elif token.kind == "word" and token.value == "u":
            self._add_unicode(token.number or 0)
        elif self._to_skip and (token.kind == "symbol" or token.value in words.CHARACTERS):
            self._to_skip -= 1
        elif token.kind == "symbol":
            if token.value == "*":
                self._group = replace(self._group, is_starred=True)
            elif token.value in "\r\n":
                self._end_paragraph()
            else:
                self._add(words.SYMBOLS.get(token.value, ""))
        else:
            self._control(token.value, token.number)

    def _close(self) -> None:
        if not self._groups:
            return
        ended, self._group = self._group, self._groups.pop()
        if ended.flow is not self._group.flow:
            self._end_flow(ended.flow)

    def _control(self, word: str, number: int | None) -> None:
        group = self._group
        is_on = number != 0
        if word in words.FLOWS and (not group.is_skipped or word == "title"):
            self._group = replace(
                group, flow=Flow(kind=words.FLOWS[word]), is_skipped=False, is_in_table=False, is_starred=False
            )
        elif word in words.SKIPPED or words.MATH_PROPERTIES.fullmatch(word):
            self._group = replace(group, is_skipped=True)
            if word == "objdata":
                self._builder.warn("dropped_object")
        elif word in words.READ_STARRED:
            self._group = replace(group, is_skipped=False, is_starred=False)
        elif group.is_starred:
            self._group = replace(group, is_skipped=True, is_starred=False)
        elif group.is_skipped or group.table:
            self._table_entry(word, number or 0)
        elif word in words.CHARACTERS:
            self._add(words.CHARACTERS[word])
        elif word in words.PARAGRAPH_ENDS:
            self._end_paragraph()
        else:
            self._property(word, number, is_on=is_on)
            self._table_control(word)

    def _property(self, word: str, number: int | None, *, is_on: bool) -> None:
        match word:
            case "fonttbl" | "stylesheet":
                change: dict[str, object] = {"table": word, "is_skipped": True}
            case "ansicpg" | "mac" | "pc" | "pca":
                self._default = encoding_of_page(number or words.PAGES.get(word, 1252))
                change = {"encoding": self._default}
            case "deff" | "f":
                change = {"encoding": self._fonts.get(number or 0, self._default)}
            case "uc":
                change = {"fallback": max(0, 1 if number is None else number)}
            case "outlinelevel":
                change = {"level": min(number or 0, words.BODY_LEVEL)}
            case "s" if (number or 0) in self._levels:
                change = {"level": self._levels[number or 0]}
            case _:
                change = {name: is_on and value for name, value in words.SWITCHES.get(word, {}).items()}
                change |= {"level": words.BODY_LEVEL} if word == "pard" else {}
        if change:
            self._group = replace(self._group, **change)  # type: ignore[arg-type]

    def _table_control(self, word: str) -> None:
        flow = self._group.flow
        match word:
            case "trowd":
                self._definitions, self._next_definition, self._is_header_row = [], CellDefinition(), False
            case "trhdr":
                self._is_header_row = True
            case "clvmrg":
                self._next_definition.continues_above = True
            case "clmrg":
                self._next_definition.continues_left = True
            case "cellx":
                self._definitions.append(self._next_definition)
                self._next_definition = CellDefinition()
            case "cell":
                flow.cell.append(flow.take_paragraph())
                flow.cells.append(" ".join(filter(None, flow.cell)))
                flow.cell = []
            case "row":
                flow.rows.append(SpannedRow(cells=flow.take_row(self._definitions), is_header=self._is_header_row))

    def _table_entry(self, word: str, number: int) -> None:
        """Read the number and the charset of a font, or the number of a style."""
        match self._group.table, word:
            case ("fonttbl", "f") | ("stylesheet", "s"):
                self._entry = number
            case "fonttbl", "fcharset":
                self._fonts[self._entry] = encoding_of_charset(number, self._default)
            case "stylesheet", "outlinelevel":
                self._levels[self._entry] = min(number, words.BODY_LEVEL)

    def _decode(self) -> None:
        if not self._raw:
            return
        raw, self._raw = bytes(self._raw), bytearray()
        if self._group.table == "stylesheet":
            if heading := words.HEADING.match(raw.decode("latin-1").strip()):
                self._levels[self._entry] = int(heading[1]) - 1
            elif raw.strip().lower() == b"title;":
                self._levels[self._entry] = 0
            return
        if self._group.is_skipped:
            return
        if self._group.encoding == SYMBOL_FONT:
            self._add(decode_symbols(raw))
            return
        text = raw.decode(self._group.encoding, "replace")
        if damaged := text.count("\ufffd"):
            self._builder.warn("replaced_characters", count=damaged)
        self._add(text)

    def _add_unicode(self, number: int) -> None:
        code = number % 0x10000
        self._to_skip = self._group.fallback
        if code in words.SURROGATES:
            if code < 0xDC00:
                self._high = code
            elif self._high:
                self._add(chr(0x10000 + ((self._high - 0xD800) << 10) + code - 0xDC00))
                self._high = 0
        elif 0xF000 <= code <= 0xF0FF:
            # Word writes the glyphs of symbol fonts in this private range.
            self._add(decode_symbols(bytes([code - 0xF000])))
        else:
            self._add(chr(code))

    def _add(self, text: str) -> None:
        group = self._group
        if not text or group.is_skipped or group.is_hidden or group.is_deleted:
            return
        pieces = group.flow.pieces
        if group.is_struck and text.strip():
            text = f"~~{text}~~"
        elif group.is_raised and words.POWER.fullmatch(text) and pieces and pieces[-1][-1:].isalnum():
            text = f"^{text}"
        pieces.append(text)

    def _end_paragraph(self) -> None:
        flow = self._group.flow
        text = flow.take_paragraph()
        if self._group.is_in_table:
            flow.cell.append(text)
            return
        self._end_table(flow)
        if flow is not self._body:
            flow.done.append(text)
            return
        if self._group.level < words.BODY_LEVEL and text:
            self._builder.add_heading(self._group.level + 1, text.replace("\t", " "))
        else:
            self._builder.add_block(text)
        after, self._after = self._after, []
        for note in after:
            self._builder.add_block(note)

    def _end_table(self, flow: Flow) -> None:
        rows, flow.rows = flow.rows, []
        if rows and flow is self._body:
            add_table(spread(rows), self._builder, header_rows=sum(row.is_header for row in rows) or None)
        else:
            flow.done += [" | ".join(cell.text for cell in row.cells) for row in rows]

    def _end_flow(self, flow: Flow) -> None:
        """Put the text of a note, a comment or a box where a reader expects it."""
        self._end_table(flow)
        text = "\n".join(filter(None, (*flow.done, "".join(flow.pieces).strip())))
        match flow.kind:
            case "number":
                number = text.strip()
                self._add(f"{number} " if any(map(str.isalnum, number)) else "- ")
            case "title":
                self._title = text
            case "author":
                self._author = text
            case "footnote" if text:
                self._notes += 1
                self._add(f" [footnote {self._notes}]")
                self._after.append(f"[footnote {self._notes}] {text}")
            case "comment" if text:
                self._after.append(f"Comment by {self._author}: {text}" if self._author else f"Comment: {text}")
            case kind if kind in words.OPERATORS:
                self._add(words.OPERATORS[kind] + (text if text.isalnum() else f"({text})"))
            case "box" if text:
                self._after.append(text)
            case "margin" if text not in self._margins and any(map(str.isalpha, text)):
                self._margins.add(text)
                self._builder.add_block(text)
