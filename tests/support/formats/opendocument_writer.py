"""Write small OpenDocument files."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_NAMESPACES = " ".join(
    (
        *(
            f'xmlns:{name}="{_OASIS}:{name}:1.0"'
            for name in ("office", "text", "table", "style", "presentation", "meta")
        ),
        f'xmlns:draw="{_OASIS}:drawing:1.0" xmlns:svg="{_OASIS}:svg-compatible:1.0"',
        'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"',
    )
)


def opendocument_of(
    body: str, *, kind: str = "text", styles: str = "", title: str = "", parts: Mapping[str, str] | None = None
) -> bytes:
    """Return a text, spreadsheet or presentation with this markup, and with other `parts` as they are."""
    written = BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr(
            "content.xml", _root("content", f"<office:body><office:{kind}>{body}</office:{kind}></office:body>")
        )
        archive.writestr("styles.xml", _root("styles", styles))
        archive.writestr("meta.xml", _root("meta", f"<office:meta><dc:title>{title}</dc:title></office:meta>"))
        for name, text in (parts or {}).items():
            archive.writestr(name, text)
    return written.getvalue()


def open_table(rows: Sequence[Sequence[str]], *, name: str = "Table") -> str:
    """Return the markup of a table. A cell that starts with `<` is markup itself."""
    cells = (
        "".join(
            value if value.startswith("<") else f"<table:table-cell><text:p>{value}</text:p></table:table-cell>"
            for value in row
        )
        for row in rows
    )
    markup = "".join(f"<table:table-row>{row}</table:table-row>" for row in cells)
    return f'<table:table table:name="{name}">{markup}</table:table>'


def _root(name: str, content: str) -> str:
    declaration = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{declaration}<office:document-{name} {_NAMESPACES}>{content}</office:document-{name}>"
