"""Check Office files before they are read: both ZIP and XML can expand to any size."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile, ZipFile, ZipInfo

from ingest.parsing.text import kind_of
from rag.errors import InvalidInput

_MIB = 1024 * 1024
_XML = (".xml", ".rels")
WEB_PAGES = (".html", ".htm", ".xhtml")
"""The suffixes of pages that Word inserts into a document. Unlike XML parts they may declare a document type."""
READ_SUFFIXES = (*_XML, *WEB_PAGES)
"""The suffixes of the parts of Office files whose size is checked. A reader must not decompress other parts."""
_MAX_PARTS = 10_000
# Only parts with the suffixes that are read count, because pictures and films are never decompressed.
_MAX_MARKUP_BYTES = 256 * _MIB
# Compression ratio: sheets of equal rows reach 100, ZIP bombs exceed 1,000. Parts below 10 MiB do no harm.
_MAX_RATIO = 400
_SMALL_PART_BYTES = 10 * _MIB
_PIECE_BYTES = _MIB
_ENCRYPTED_FLAG = 1
# Entities can expand to gigabytes, and Office never declares any. XML without a declared encoding is UTF-8 or UTF-16.
_DECLARATIONS = tuple(
    word.encode(encoding) for word in ("<!DOCTYPE", "<!ENTITY") for encoding in ("utf-8", "utf-16-le", "utf-16-be")
)
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")

# The exceptions that zipfile, expat and the Office readers raise for truncated or corrupted files.
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadZipFile,
    EOFError,
    ExpatError,
    LookupError,
    NotImplementedError,  # zipfile: an unknown compression method, for example after one corrupted byte.
    OSError,
    ParseError,
    TypeError,
    ValueError,
    zlib.error,
)


def open_office(body: bytes, *, kind: str, folder: str, markup: tuple[str, ...] = READ_SUFFIXES) -> ZipFile:
    """Open an Office file; raises `InvalidInput` with the reason if a part is damaged or exceeds a limit.

    `kind` is the format's name for messages, such as DOCX. `folder` is the folder that such a file must contain, or the
    beginning of a part's name. `markup` has the suffixes of the parts that are read. A caller that names them must read
    XML with `to_tree`, which is safe for document types too.
    """
    _require_archive(body, kind)
    try:
        archive = ZipFile(BytesIO(body))
        if not any(name.startswith(folder) for name in archive.namelist()):
            raise InvalidInput(f"not a {kind} file: the ZIP archive has no folder {folder}")
        _require_bounds(archive.infolist(), kind, markup)
        for part in archive.infolist():
            if markup is READ_SUFFIXES and part.filename.lower().endswith(_XML):
                _require_plain_xml(archive, part, kind)
    except DAMAGE as error:
        raise damaged(kind) from error
    return archive


def pieces_of(archive: ZipFile, part: ZipInfo | str) -> Iterator[bytes]:
    with archive.open(part) as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece


def damaged(kind: str) -> InvalidInput:
    return InvalidInput(f"damaged {kind}: the file is truncated or corrupted")


def encrypted(kind: str) -> InvalidInput:
    return InvalidInput(f"encrypted {kind}: remove the password and ingest it again")


def _require_archive(body: bytes, kind: str) -> None:
    match kind_of(body):
        case "ZIP":
            return
        case "OLE" if _ENCRYPTED_PACKAGE in body:
            raise encrypted(kind)
        case "OLE":
            raise InvalidInput(f"not a {kind} file but an Office 97-2003 file; save it as {kind}")
        case "":
            raise InvalidInput(f"not a {kind} file: it is not a ZIP archive")
        case other:
            raise InvalidInput(f"not a {kind} file: it starts like a {other} file")


def _require_bounds(parts: list[ZipInfo], kind: str, markup: tuple[str, ...]) -> None:
    if len(parts) > _MAX_PARTS:
        raise InvalidInput(f"{kind} with more than {_MAX_PARTS:,} parts; split the document")
    if any(part.flag_bits & _ENCRYPTED_FLAG for part in parts):
        raise encrypted(kind)
    read = [part for part in parts if part.filename.lower().endswith(markup)]
    if sum(part.file_size for part in read) > _MAX_MARKUP_BYTES:
        raise InvalidInput(f"{kind} that expands to more than {_MAX_MARKUP_BYTES // _MIB} MiB; split the document")
    for part in read:
        if part.file_size > _SMALL_PART_BYTES and part.file_size > _MAX_RATIO * part.compress_size:
            raise InvalidInput(f"{kind} that expands to more than {_MAX_RATIO} times its size: a ZIP bomb")


def _require_plain_xml(archive: ZipFile, part: ZipInfo, kind: str) -> None:
    """Raise `InvalidInput` if the part declares a document type; reading it all also detects damage.

    zipfile returns at most the size that the archive declares, so the limits hold.
    """
    tail = b""
    for piece in pieces_of(archive, part):
        window = tail + piece
        if any(declaration in window for declaration in _DECLARATIONS):
            raise InvalidInput(f"{kind} with a document type declaration, which can hide an XML bomb")
        # A declaration may span two pieces; the longest is 20 bytes.
        tail = window[-32:]
