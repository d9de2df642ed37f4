"""Real parsing processes against collected and generated files that break parsers."""

import os
import time
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from ingest.isolation.pool import ParserCrashed, ParserPool, open_parser_pool
from ingest.settings import ParsingSettings
from rag.errors import InvalidInput
from rag.formats import MediaType, media_type_of
from rag.settings import LocalEmbedderSettings
from rag.types import Chunk, DocumentId, RawDocument
from tests.support.formats.office_writer import docx_of, paragraph, pptx_of, shape, xlsx_of

# The tests start parser processes and wait for their limits.
pytestmark = pytest.mark.slow

_DATA = os.environ.get("TEST_DATA", "")
_NASTY = Path(_DATA) / "nasty"
# Media types per folder, in addition to the one that the file name gives.
_MORE_MEDIA_TYPES: dict[str, list[MediaType]] = {
    "pdf": ["application/pdf"],
    "html": ["text/html"],
    "strings": ["text/plain", "text/markdown", "text/html", "text/x-rst", "text/csv", "text/x-code"],
}
_SECONDS = 60

_DOCX: MediaType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PPTX: MediaType = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_XLSX: MediaType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_ENCRYPTED = {"protectedFile.xlsx", "protected_normal_case.docx", "testEXCEL_protected_passtika.xlsx"}
_DAMAGED = {"testWORD_truncated.docx"}
# Files that contain only pictures, charts and other files.
_WITHOUT_TEXT = {
    "testWPSAttachment.docx",
    *("testEXCEL_embeddedPDF_windows.xlsx", "testEXCEL_poi-61034.xlsx"),
    *("testExcel_embeddedPDF.xlsx", "testWPSAttachment.xlsx", "testPPT_EmbeddedPDF.pptx"),
    "testPPT_embeddedMP3.pptx",
}

_LAUGHS = '<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def _files(folder: str) -> list[Path]:
    return sorted(path for path in (_NASTY / folder).rglob("*") if path.is_file()) if _DATA else []


def _media_types(path: Path, folder: str) -> set[MediaType]:
    by_name = media_type_of(path.name)
    return {*_MORE_MEDIA_TYPES.get(folder, []), *([by_name] if by_name else [])} or {"text/plain"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parsers():
    settings = ParsingSettings(processes=1, seconds=_SECONDS, memory_mib=512)
    async with open_parser_pool(settings, LocalEmbedderSettings()) as opened:
        yield opened


async def cut(parsers: ParserPool, body: bytes, media_type: MediaType, name: str = "a.py") -> list[Chunk]:
    raw = RawDocument(id=DocumentId("a"), uri=f"file:///{name}", media_type=media_type, body=body)
    return await parsers.parse(raw, version="v1")


async def reason_for(parsers: ParserPool, body: bytes, media_type: MediaType, name: str = "a.py") -> str:
    """Return the one-line rejection reason, "empty", or "" if the document has chunks; the parser must survive."""
    began = time.perf_counter()
    try:
        chunks = await cut(parsers, body, media_type, name)
    except InvalidInput as error:
        assert not isinstance(error, ParserCrashed), error.trace
        assert str(error)
        assert "\n" not in str(error)
        return str(error)
    finally:
        assert time.perf_counter() - began < _SECONDS + 30
    return "" if chunks else "empty"


needs_files = pytest.mark.skipif(not (_DATA and _NASTY.is_dir()), reason="TEST_DATA names no folder with nasty/ in it")


@needs_files
@pytest.mark.parametrize("folder", ["pdf", "html", "strings", "office"])
@pytest.mark.asyncio(loop_scope="module")
async def test_every_nasty_file_is_parsed_or_rejected_and_the_process_survives(parsers, folder):
    processes = set()
    for path in _files(folder):
        for media_type in _media_types(path, folder):
            await reason_for(parsers, path.read_bytes(), media_type, path.name)
            processes.add(tuple(child.pid for child in psutil.Process().children()))
    assert len(processes) == 1


@needs_files
@pytest.mark.asyncio(loop_scope="module")
async def test_office_files_are_rejected_only_for_their_true_reason(parsers):
    for path in _files("office"):
        reason = await reason_for(parsers, path.read_bytes(), media_type_of(path.name) or _DOCX, path.name)
        if path.name in _ENCRYPTED:
            assert reason.startswith("encrypted"), path.name
        elif path.name in _DAMAGED:
            assert reason == "damaged DOCX: the file is truncated or corrupted"
        elif path.name in _WITHOUT_TEXT:
            assert reason == "empty" or reason.startswith("no text: "), path.name
        elif path.suffix == ".zip":
            assert reason == "not a DOCX file: the ZIP archive has no folder word/"
        else:
            assert not reason, path.name


def sheet(rows: str) -> bytes:
    start = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return xlsx_of({"A": []}, **{"xl/worksheets/sheet1.xml": f"{start}{rows}</sheetData></worksheet>"})


STRINGS = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" uniqueCount="4294967295"/>'
MERGED = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    + "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 3_001))
    + '</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells></worksheet>'
)

HOSTILE_FILES = {
    "zip bomb": (lambda: docx_of(f"<w:p><w:r><w:t>{'x' * 100_000_000}</w:t></w:r></w:p>"), _DOCX, "a ZIP bomb"),
    "zip bomb in a web page": (
        lambda: docx_of(paragraph("x"), **{"word/a.html": " " * 100_000_000}),
        _DOCX,
        "a ZIP bomb",
    ),
    "zip bomb in another part": (lambda: pptx_of([shape("x")], **{"a.xml": " " * 300_000_000}), _PPTX, "256 MiB"),
    "billion laughs": (lambda: docx_of("", **{"word/document.xml": f"{_LAUGHS}<w>&b;</w>"}), _DOCX, "document type"),
    "laughs in UTF-16": (
        lambda: xlsx_of({"A": [["x"]]}, **{"xl/styles.xml": f"{_LAUGHS}<w>&b;</w>".encode("utf-16")}),
        _XLSX,
        "document type",
    ),
    "a sheet that reaches far": (
        lambda: sheet('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        _XLSX,
        "",
    ),
    "a sheet of long rows": (
        lambda: sheet("".join(f'<row r="{n}"><c r="XFD{n}"><v>{n}</v></c></row>' for n in range(1, 100_001))),
        _XLSX,
        "cells; split the sheet",
    ),
    "cells without references": (
        lambda: sheet(f'<row r="1">{"<c><v>1</v></c>" * 16_384}</row><row r="1048576"><c><v>1</v></c></row>'),
        _XLSX,
        "",
    ),
    "a sheet of empty cells": (
        lambda: sheet("".join(f'<row r="{n}"><c r="XFD{n}" s="1"/></row>' for n in range(1, 100_001))),
        _XLSX,
        "empty",
    ),
    "a sheet in one merged cell": (
        lambda: xlsx_of({"A": []}, **{"xl/worksheets/sheet1.xml": MERGED}),
        _XLSX,
        "",
    ),
    "a tag of 3 MB": (lambda: sheet(f'<row r="1"><c s="{"0" * 3_000_000}"/></row>'), _XLSX, "empty"),
    "formatting elements that the parser reopens in each paragraph": (
        lambda: b"".join(b"<b id=%d><p>x" % number for number in range(15_000)),
        "text/html",
        "HTML that expands",
    ),
    "lists in lists": (lambda: b"<ul><li>x" * 15_000, "text/html", ""),
    "deep document": (
        lambda: docx_of("<w:sdt><w:sdtContent>" * 5_000 + paragraph("x") + "</w:sdtContent></w:sdt>" * 5_000),
        _DOCX,
        "nested too deeply",
    ),
    "deep slide": (
        lambda: pptx_of(["<p:grpSp>" * 50_000 + shape("x") + "</p:grpSp>" * 50_000]),
        _PPTX,
        "nested too deeply",
    ),
    "deep JSON": (lambda: b"[" * 1_000_000, "application/json", "nested too deeply"),
    "JSON in one line": (lambda: b"[" + b'{"a": 1, "b": "x"},' * 3_000_000 + b"1]", "application/json", "needs more"),
    "a row of many fields": (lambda: b"1," * 50_000 + b"\n2,3", "text/csv", ""),
    "an unclosed quote": (lambda: b'a,b\n"' + b"x," * 1_000_000, "text/csv", "invalid CSV"),
    "parentheses": (lambda: b"(" * 20_000, "text/x-code", ""),
    "PDF declared as DOCX": (lambda: b"%PDF-1.7\n", _DOCX, "it starts like a PDF file"),
    "DOCX declared as XLSX": (lambda: docx_of(paragraph("x")), _XLSX, "the ZIP archive has no folder xl/"),
    "DOCX declared as text": (lambda: docx_of(paragraph("x")), "text/markdown", "it starts like a ZIP file"),
    "text declared as DOCX": (lambda: b"Only text.", _DOCX, "it is not a ZIP archive"),
    "an old document": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), _DOCX, "Office 97-2003"),
    "many parts": (lambda: docx_of("", **{f"word/{n}.xml": "<a/>" for n in range(11_000)}), _DOCX, "10,000 parts"),
    "a forged number of strings": (lambda: xlsx_of({"A": [["x"]]}, **{"xl/sharedStrings.xml": STRINGS}), _XLSX, ""),
    "truncated": (lambda: xlsx_of({"A": [["x"]]})[:-30], _XLSX, "truncated or corrupted"),
}


@pytest.mark.parametrize("name", HOSTILE_FILES)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_hostile_file_is_rejected_with_a_clear_reason_and_the_parser_survives(parsers, name):
    build, media_type, expected = HOSTILE_FILES[name]
    reason = await reason_for(parsers, build(), media_type)
    assert expected in reason if expected else not reason
    assert await cut(parsers, b"Good.", "text/plain")
