"""DOCX: mammoth makes HTML of it, with headings, lists, tables, notes and text boxes; that is read like any page."""

import re
from io import BytesIO
from typing import Final

import mammoth

from ingest.parsing.html import add_html
from ingest.parsing.office_archive import DAMAGE, damaged, open_office
from ingest.parsing.outline import Outline, OutlineBuilder

_STYLES: Final = """
p[style-name='Title'] => h1:fresh
p[style-name='heading 7'] => h6:fresh
p[style-name='heading 8'] => h6:fresh
p[style-name='heading 9'] => h6:fresh
"""
_CELL: Final = re.compile(r"<t[dh][^>]*>.*?</t[dh]>", re.DOTALL)
# From a note back to its mark, and the mark itself.
_BACK_LINK: Final = re.compile(r'<a href="#(?:foot|end)note-ref-[^"]*">↑</a>')


def parse_docx(body: bytes) -> Outline:
    open_office(body, kind="DOCX", folder="word/")
    builder = OutlineBuilder()
    add_html(_to_html(body), builder)
    return builder.build()


def _to_html(body: bytes) -> str:
    try:
        converted = mammoth.convert_to_html(
            BytesIO(body), style_map=_STYLES, include_embedded_style_map=False, convert_image=_no_image
        )
    except DAMAGE as error:
        raise damaged("DOCX") from error
    # Paragraphs in a cell are lines of one value.
    return _CELL.sub(lambda cell: cell[0].replace("</p><p>", "<br />"), _BACK_LINK.sub("", converted.value))


def _no_image(_image: object) -> list[object]:
    return []
