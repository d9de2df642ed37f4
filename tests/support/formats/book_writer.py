"""Write small EPUB books."""

from collections.abc import Mapping
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

_CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def epub_of(chapters: Mapping[str, str], *, title: str = "", parts: Mapping[str, str] | None = None) -> bytes:
    """Return a book with these bodies of chapters by file name, and with other `parts` as they are."""
    labels = "".join(
        f'<navPoint><navLabel><text>Chapter {number}</text></navLabel><content src="{name}#top"/></navPoint>'
        for number, name in enumerate(chapters, 1)
    )
    written = BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", _CONTAINER)
        archive.writestr("OEBPS/book.opf", _package(list(chapters), title))
        archive.writestr(
            "OEBPS/toc.ncx",
            '<?xml version="1.0"?><!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/ncx.dtd">'
            f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{labels}</navMap></ncx>',
        )
        # Stored in the opposite order, because only the package knows the reading order.
        for name, body in reversed(list(chapters.items())):
            archive.writestr(
                f"OEBPS/{name}",
                '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">'
                f"<head><title/></head><body>{body}</body></html>",
            )
        for name, text in (parts or {}).items():
            archive.writestr(name, text)
    return written.getvalue()


def _package(names: list[str], title: str) -> str:
    items = "".join(
        f'<item id="c{i}" href="{name}" media-type="application/xhtml+xml"/>' for i, name in enumerate(names)
    )
    order = "".join(f'<itemref idref="c{number}"/>' for number in range(len(names)))
    return (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{title}</dc:title></metadata><manifest>{items}"
        '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
        f'<spine toc="ncx">{order}</spine></package>'
    )
