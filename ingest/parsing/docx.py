"""Parse DOCX: mammoth converts it to HTML, which the HTML parser reads."""

import re
from io import BytesIO
from typing import Final
from zipfile import ZipFile

import mammoth

from ingest.parsing.html import add_html
from ingest.parsing.office_archive import DAMAGE, damaged, open_office
from ingest.parsing.outline import Outline, OutlineBuilder

_HAS_TITLE: Final = re.compile(rb"""<w:pStyle w:val=["']Title["']""")
_CELL: Final = re.compile(r"<t[dh][^>]*>.*?</t[dh]>", re.DOTALL)
# The link from a footnote back to its reference in the text.
_BACK_LINK: Final = re.compile(r'<a href="#(?:foot|end)note-ref-[^"]*">↑</a>')
_LOWEST_HEADING: Final = 6


def parse_docx(body: bytes) -> Outline:
    archive = open_office(body, kind="DOCX", folder="word/")
    builder = OutlineBuilder()
    try:
        html = _to_html(body, _styles(archive))
    except DAMAGE as error:
        raise damaged("DOCX") from error
    add_html(html, builder)
    return builder.build()


def _styles(archive: ZipFile) -> str:
    """Return mammoth's style map, which places headings one level below the title if there is a title."""
    parts = (name for name in archive.namelist() if name.startswith("word/document"))
    has_title = any(_HAS_TITLE.search(archive.read(name)) for name in parts)
    lines = ["p[style-name='Title'] => h1:fresh"]
    for level in range(1, 10):
        target = f"h{min(level + has_title, _LOWEST_HEADING)}:fresh"
        names = (f"p.Heading{level}", f"p[style-name='heading {level}']", f"p[style-name='Heading {level}']")
        lines += [f"{name} => {target}" for name in names]
    return "\n".join(lines)


def _to_html(body: bytes, styles: str) -> str:
    converted = mammoth.convert_to_html(
        BytesIO(body), style_map=styles, include_embedded_style_map=False, convert_image=lambda _image: []
    )
    # The paragraphs of a table cell are lines of one value. As paragraphs they would break the row.
    return _CELL.sub(lambda cell: cell[0].replace("</p><p>", "<br />"), _BACK_LINK.sub("", converted.value))
