"""The reference extractors: programs and libraries of others that read the same formats."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rag.formats import MediaType

# A reference that hangs costs one file, not the measurement.
_SECONDS: Final = 60


class Unreadable(Exception):
    """The reference extractor failed on this file, so there is nothing to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An extractor that our parser is compared with."""

    name: str
    is_installed: Callable[[], bool]
    read: Callable[[Path], str]
    """Return the text of a file, or raise `Unreadable`."""


def references() -> Mapping[MediaType, Reference]:
    """Return the reference of each format that has one."""
    office = "application/vnd.openxmlformats-officedocument"
    by_type: dict[Any, Reference] = {
        "application/pdf": _program("pdftotext", lambda path: ["pdftotext", "-enc", "UTF-8", str(path), "-"]),
        f"{office}.wordprocessingml.document": _pandoc("docx"),
        f"{office}.presentationml.presentation": _library("python-pptx", "pptx", _read_slides),
        f"{office}.spreadsheetml.sheet": _library("openpyxl", "openpyxl", _read_sheets),
        "text/html": _pandoc("html"),
        "text/markdown": _pandoc("markdown"),
        "text/x-rst": _pandoc("rst"),
    }
    return by_type


def _pandoc(source_format: str) -> Reference:
    # --sandbox: pandoc must not open the files and addresses that a document names.
    options = ["--sandbox", "--from", source_format, "--to", "plain", "--wrap", "none"]
    return _program("pandoc", lambda path: ["pandoc", *options, str(path)])


def _program(name: str, command_for: Callable[[Path], list[str]]) -> Reference:
    def read(path: Path) -> str:
        try:
            done = subprocess.run(command_for(path), capture_output=True, check=False, timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Unreadable(f"{name} needed more than {_SECONDS} seconds") from error
        if done.returncode != 0:
            raise Unreadable(f"{name}: {done.stderr.decode(errors='replace').strip()[:200]}")
        return done.stdout.decode("utf-8", "replace")

    return Reference(name=name, is_installed=lambda: shutil.which(name) is not None, read=read)


def _library(name: str, module: str, lines_of: Callable[[Path], Iterator[str]]) -> Reference:
    def read(path: Path) -> str:
        try:
            return "\n".join(lines_of(path))
        except Exception as error:  # Any exception of a library means that it cannot read the file.
            raise Unreadable(f"{name}: {error}") from error

    return Reference(name=name, is_installed=lambda: find_spec(module) is not None, read=read)


def _read_slides(path: Path) -> Iterator[str]:
    for slide in import_module("pptx").Presentation(str(path)).slides:
        yield from _texts_of_shapes(slide.shapes)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            yield slide.notes_slide.notes_text_frame.text


def _texts_of_shapes(shapes: Any) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _texts_of_shapes(shape.shapes)
        elif shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_table", False):
            yield from (cell.text for row in shape.table.rows for cell in row.cells)


def _read_sheets(path: Path) -> Iterator[str]:
    workbook = import_module("openpyxl").load_workbook(path, read_only=True, data_only=True)
    for sheet in workbook.worksheets:
        for row in sheet.iter_rows(values_only=True):
            yield from (str(value) for value in row if value is not None)
