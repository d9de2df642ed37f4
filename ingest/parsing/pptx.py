"""Parse PPTX into one section per slide, with its text, tables and notes, in presentation order."""

from collections.abc import Iterator
from posixpath import join, normpath
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from ingest.parsing.office_archive import DAMAGE, damaged, open_office
from ingest.parsing.outline import Outline, OutlineBuilder

_PRESENTATION: Final = "ppt/presentation.xml"
_TITLES: Final = {"title", "ctrTitle"}
# Dates, footers, headers and numbers repeat on every slide and would repeat in every passage.
_REPEATED: Final = {"dt", "ftr", "hdr", "sldNum", "sldImg"}


def parse_pptx(body: bytes) -> Outline:
    archive = open_office(body, kind="PPTX", folder="ppt/")
    builder = OutlineBuilder()
    try:
        for number, name in enumerate(_slides(archive), 1):
            _read_slide(archive, name, number, builder)
        return builder.build()
    except DAMAGE as error:
        raise damaged("PPTX") from error


def _slides(archive: ZipFile) -> Iterator[str]:
    related = dict(_related(archive, _PRESENTATION))
    for element in _tree(archive, _PRESENTATION).iter():
        if _name(element) == "sldId" and (target := related.get(_related_id(element))):
            yield target


def _read_slide(archive: ZipFile, name: str, number: int, builder: OutlineBuilder) -> None:
    title, blocks = "", []
    for element in _shapes(_tree(archive, name)):
        placeholder = _placeholder_of(element)
        if placeholder in _REPEATED:
            continue
        text = _table(element) if _name(element) == "tbl" else "\n".join(_paragraphs(element))
        if placeholder in _TITLES and not title:
            title = " ".join(text.split())
        else:
            blocks.append(text)
    blocks.extend(_notes(archive, name))
    if title or any(blocks):
        # A heading of level 1 would become the title of the presentation.
        builder.add_heading(2, f"slide {number}: {title}" if title else f"slide {number}")
        for block in blocks:
            builder.add_block(block)


def _notes(archive: ZipFile, slide: str) -> Iterator[str]:
    for _, target in _related(archive, slide):
        if "/notesSlides/" in target and target in archive.namelist():
            shapes = [shape for shape in _shapes(_tree(archive, target)) if _placeholder_of(shape) not in _REPEATED]
            if text := "\n".join(line for shape in shapes for line in _paragraphs(shape)).strip():
                yield f"Notes: {text}"


def _shapes(root: Element) -> Iterator[Element]:
    """Yield shapes with text and tables, also inside groups. Fallback forms of a shape are skipped."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        match _name(element):
            case "sp" | "tbl":
                yield element
            case "Fallback":
                continue
            case _:
                waiting.extend(reversed(element))


def _placeholder_of(shape: Element) -> str:
    return next((element.get("type", "") for element in shape.iter() if _name(element) == "ph"), "")


def _table(table: Element) -> str:
    rows = (element for element in table.iter() if _name(element) == "tr")
    return "\n".join(" | ".join(" ".join(_paragraphs(cell)) for cell in row if _name(cell) == "tc") for row in rows)


def _paragraphs(element: Element) -> Iterator[str]:
    for paragraph in element.iter():
        if _name(paragraph) == "p":
            level = _level_of(paragraph)
            text = "".join(_pieces(paragraph)).strip()
            if text:
                yield f"{'  ' * (level - 1)}- {text}" if level else text


def _level_of(paragraph: Element) -> int:
    """Return the list level of a paragraph: 0 for the first level, 8 at most."""
    levels = (child.get("lvl") for child in paragraph if _name(child) == "pPr")
    return min(int(next(levels, "") or 0), 8)


def _pieces(paragraph: Element) -> Iterator[str]:
    for element in paragraph.iter():
        match _name(element):
            case "t":
                yield element.text or ""
            case "br" | "tab":
                yield " "


def _related(archive: ZipFile, name: str) -> Iterator[tuple[str, str]]:
    """Yield the relations of a part as pairs of relation id and path of the target part."""
    folder, _, file = name.rpartition("/")
    relations = f"{folder}/_rels/{file}.rels"
    if relations in archive.namelist():
        for relation in _tree(archive, relations):
            target = relation.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else normpath(join(folder, target))
            yield relation.get("Id", ""), path


def _tree(archive: ZipFile, name: str) -> Element:
    return ElementTree.fromstring(archive.read(name))


def _name(element: Element) -> str:
    """Return the tag without its namespace, which differs between strict and transitional Office files."""
    return element.tag.rpartition("}")[2]


def _related_id(element: Element) -> str:
    """Return the relation id, the attribute `id` that has a namespace; the plain attribute `id` is another one."""
    return next((value for key, value in element.items() if key.endswith("}id")), "")
