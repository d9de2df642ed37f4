"""Office files are ZIP archives of XML, and both can unfold to any size: they are checked before they are read."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Final
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile, ZipFile, ZipInfo

from ingest.parsing.signatures import kind_of
from rag.errors import InvalidInput

_MIB: Final = 1024 * 1024
_MAX_PARTS: Final = 10_000
# Of XML, which is what we read; pictures and films are never unpacked.
_MAX_XML_BYTES: Final = 256 * _MIB
# Sheets of equal rows reach 100; a bomb has a thousand and more. Small parts may be as empty as they like.
_MAX_RATIO: Final = 400
_SMALL_PART_BYTES: Final = 10 * _MIB
_PIECE_BYTES: Final = _MIB
_ENCRYPTED_FLAG: Final = 1
# Entities are declared there, and Office writes none; in either of the encodings that XML may have unannounced.
_DECLARATIONS: Final = tuple(
    word.encode(encoding) for word in ("<!DOCTYPE", "<!ENTITY") for encoding in ("utf-8", "utf-16-le", "utf-16-be")
)
_ENCRYPTED_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")

# What zipfile, expat and readers of Office files raise where a file is cut off or has been written over.
DAMAGE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadZipFile,
    EOFError,
    ExpatError,
    LookupError,
    NotImplementedError,  # zipfile: a compression that it does not know, as a byte that was written over may say.
    OSError,
    ParseError,
    TypeError,
    ValueError,
    zlib.error,
)


def open_office(body: bytes, *, kind: str, folder: str) -> ZipFile:
    """The archive, when all that will be read of it is within bounds; raises InvalidInput with the reason otherwise.

    `kind` is its name for people, such as DOCX, and `folder` the one in which such a file keeps its content.
    """
    _require_archive(body, kind)
    try:
        archive = ZipFile(BytesIO(body))
        if not any(name.startswith(folder) for name in archive.namelist()):
            raise InvalidInput(f"not a {kind} file: an archive without {folder}")
        _require_bounds(archive.infolist(), kind)
        for part in archive.infolist():
            if _is_xml(part.filename):
                _require_plain_xml(archive, part, kind)
    except DAMAGE as error:
        raise damaged(kind) from error
    return archive


def pieces_of(archive: ZipFile, part: ZipInfo | str) -> Iterator[bytes]:
    with archive.open(part) as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece


def damaged(kind: str) -> InvalidInput:
    return InvalidInput(f"broken {kind}: it is cut off or damaged")


def _require_archive(body: bytes, kind: str) -> None:
    match kind_of(body):
        case "ZIP":
            return
        case "OLE" if _ENCRYPTED_PACKAGE in body:
            raise InvalidInput(f"encrypted {kind}: it opens with a password only")
        case "OLE":
            raise InvalidInput(f"not a {kind} file but one of Office 97 to 2003; save it as {kind}")
        case "":
            raise InvalidInput(f"not a {kind} file: it is no ZIP archive, as that would be")
        case other:
            raise InvalidInput(f"not a {kind} file: it begins as {other} files do")


def _require_bounds(parts: list[ZipInfo], kind: str) -> None:
    if len(parts) > _MAX_PARTS:
        raise InvalidInput(f"{kind} with more than {_MAX_PARTS:,} parts")
    if any(part.flag_bits & _ENCRYPTED_FLAG for part in parts):
        raise InvalidInput(f"encrypted {kind}: it opens with a password only")
    xml = [part for part in parts if _is_xml(part.filename)]
    if sum(part.file_size for part in xml) > _MAX_XML_BYTES:
        raise InvalidInput(f"{kind} that unfolds to more than {_MAX_XML_BYTES // _MIB} MiB")
    for part in xml:
        if part.file_size > _SMALL_PART_BYTES and part.file_size > _MAX_RATIO * part.compress_size:
            raise InvalidInput(f"{kind} that unfolds to more than {_MAX_RATIO} times its size: a ZIP bomb")


def _require_plain_xml(archive: ZipFile, part: ZipInfo, kind: str) -> None:
    """Reads all of it, which also finds what is damaged; no more comes out than the archive declares."""
    tail = b""
    for piece in pieces_of(archive, part):
        window = tail + piece
        if any(declaration in window for declaration in _DECLARATIONS):
            raise InvalidInput(f"{kind} with a document type declaration, which may hide a bomb")
        tail = window[-32:]


def _is_xml(name: str) -> bool:
    return name.endswith((".xml", ".rels"))
