"""Parse EPUB books: their chapters in reading order."""

from collections.abc import Iterator, Mapping
from posixpath import dirname, join, normpath
from urllib.parse import unquote
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from ingest.parsing.encoding.decoding import decode
from ingest.parsing.html.parser import add_html
from ingest.parsing.html.tree import to_html
from ingest.parsing.office_archive import DAMAGE, damaged, open_office
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.xml.tree import to_tree
from rag.errors import InvalidInput

# A chapter may have any name, so each part counts.
_MARKUP = ("",)
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTERS = {"application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document"}
_HEADINGS = tuple(f"<h{level}" for level in range(1, 7))


def parse_epub(body: bytes) -> Outline:
    """Parse the book; raises `InvalidInput` with the reason if it is damaged or protected."""
    archive = open_office(body, kind="EPUB", folder="META-INF/", markup=_MARKUP)
    builder = OutlineBuilder()
    try:
        package_name = _package_name(archive)
        package = _tree(archive, package_name)
        encrypted = _encrypted(archive)
        chapters = list(_chapters(package, dirname(package_name)))
        if not encrypted.isdisjoint(name for name, _ in chapters):
            raise InvalidInput("EPUB that is protected by digital rights management: it cannot be read")
        labels = _labels(archive, package, dirname(package_name))
        for name, media_type in chapters:
            if media_type in _CHAPTERS and name in archive.NameToInfo:
                _add_chapter(archive, name, labels, builder)
            elif media_type in _CHAPTERS:
                builder.warn("dropped_object", "The file has no such chapter, although it lists it.", place=name)
    except DAMAGE as error:
        raise damaged("EPUB") from error
    return builder.build(title=package.findtext("metadata/title") or "")


def _package_name(archive: ZipFile) -> str:
    names = (element.get("full-path", "") for element in _tree(archive, _CONTAINER).iter() if element.tag == "rootfile")
    return normpath(next(names))


def _chapters(package: Element, folder: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the media type of each part of the reading order."""
    parts = {item.get("id"): item for item in package.iter() if item.tag == "item"}
    for reference in package.iter():
        item = parts.get(reference.get("idref")) if reference.tag == "itemref" else None
        # The navigation repeats the headings of the chapters.
        if item is not None and "nav" not in item.get("properties", "").split():
            yield _path(folder, item.get("href", "")), item.get("media-type", "")


def _add_chapter(archive: ZipFile, name: str, labels: Mapping[str, str], builder: OutlineBuilder) -> None:
    decoded = decode(archive.read(name))
    builder.add_warnings(decoded.warnings, place=name)
    text = decoded.text
    if name in labels and not any(heading in text for heading in _HEADINGS):
        builder.add_heading(1, labels[name])
    add_html(to_html(text), builder)


def _labels(archive: ZipFile, package: Element, folder: str) -> dict[str, str]:
    """Return what the table of contents calls each chapter, for chapters without a heading."""
    labels: dict[str, str] = {}
    for item in package.iter():
        is_contents = item.get("media-type") == "application/x-dtbncx+xml" or item.get("properties") == "nav"
        name = _path(folder, item.get("href", ""))
        if item.tag != "item" or not is_contents or name not in archive.NameToInfo:
            continue
        try:
            contents = _tree(archive, name)
        except InvalidInput:
            # The chapters are complete without it.
            continue
        for point in contents.iter():
            href = point.get("href") if point.tag == "a" else None
            target = point.find("content") if point.tag == "navPoint" else None
            if target is not None:
                href, label = target.get("src"), point.findtext("navLabel/text") or ""
            else:
                label = " ".join(point.itertext()) if href else ""
            if href and label.strip():
                labels.setdefault(_path(dirname(name), href), label)
    return labels


def _encrypted(archive: ZipFile) -> set[str]:
    """Return the names of the encrypted parts. Fonts are often obfuscated, which does not matter."""
    if _ENCRYPTION not in archive.NameToInfo:
        return set()
    references = _tree(archive, _ENCRYPTION).iter()
    return {_path("", element.get("URI", "")) for element in references if element.tag == "CipherReference"}


def _path(folder: str, reference: str) -> str:
    return normpath(join(folder, unquote(reference.partition("#")[0])))


def _tree(archive: ZipFile, name: str) -> Element:
    return to_tree(decode(archive.read(name)).text, "EPUB")
