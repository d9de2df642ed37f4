"""Which media types can be taken in, and how a name or a content type tells them."""

from pathlib import PurePosixPath
from typing import Final

from rag.types import MediaType

_DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PPTX: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_DOCUMENTS: Final[dict[str, MediaType]] = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".rst": "text/x-rst",
    ".html": "text/html",
    ".htm": "text/html",
    ".pdf": "application/pdf",
    ".docx": _DOCX,
    ".pptx": _PPTX,
    ".xlsx": _XLSX,
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
}
# What people write and ask about; neither what tools write (lock files, maps) nor what only browsers read (styles).
_CODE: Final = (
    *(".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".java", ".kt", ".scala", ".go"),
    *(".rs", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".swift", ".rb", ".php", ".pl", ".lua", ".r", ".jl", ".ex"),
    *(".exs", ".erl", ".hs", ".clj", ".dart", ".sh", ".bash", ".ps1", ".sql", ".proto", ".graphql", ".tf"),
    *(".yaml", ".yml", ".toml", ".ini", ".cfg"),
)
_BY_SUFFIX: Final[dict[str, MediaType]] = _DOCUMENTS | dict.fromkeys(_CODE, "text/x-code")

_BY_CONTENT_TYPE: Final[dict[str, MediaType]] = {
    "text/markdown": "text/markdown",
    "text/x-markdown": "text/markdown",
    "text/html": "text/html",
    "application/xhtml+xml": "text/html",
    "text/x-rst": "text/x-rst",
    "text/prs.fallenstein.rst": "text/x-rst",
    "application/pdf": "application/pdf",
    "application/x-pdf": "application/pdf",
    _DOCX: _DOCX,
    _PPTX: _PPTX,
    _XLSX: _XLSX,
    "text/csv": "text/csv",
    "application/csv": "text/csv",
    "text/tab-separated-values": "text/csv",
    "application/json": "application/json",
    "application/ld+json": "application/json",
    "application/geo+json": "application/json",
    "application/x-ndjson": "application/x-ndjson",
    "application/ndjson": "application/x-ndjson",
    "application/jsonl": "application/x-ndjson",
    "application/x-jsonlines": "application/x-ndjson",
    "text/x-code": "text/x-code",
    "text/javascript": "text/x-code",
    "application/javascript": "text/x-code",
    "application/x-javascript": "text/x-code",
    "application/typescript": "text/x-code",
    "text/x-python": "text/x-code",
    "text/x-script.python": "text/x-code",
    "application/x-python-code": "text/x-code",
    "text/x-java-source": "text/x-code",
    "text/x-java": "text/x-code",
    "text/x-c": "text/x-code",
    "text/x-csrc": "text/x-code",
    "text/x-chdr": "text/x-code",
    "text/x-c++": "text/x-code",
    "text/x-c++src": "text/x-code",
    "text/x-go": "text/x-code",
    "text/rust": "text/x-code",
    "text/x-ruby": "text/x-code",
    "application/x-php": "text/x-code",
    "application/x-sh": "text/x-code",
    "text/x-sh": "text/x-code",
    "application/sql": "text/x-code",
    "application/yaml": "text/x-code",
    "application/x-yaml": "text/x-code",
    "text/yaml": "text/x-code",
    "text/x-yaml": "text/x-code",
    "application/toml": "text/x-code",
}

# Servers say these of anything they do not know better (GitHub serves Markdown as text/plain), curl sends the form type
# with whatever it is told to send, Windows calls CSV Excel's, many call Office files ZIP, and TypeScript is a film.
_VAGUE: Final = {
    "",
    "text/plain",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-www-form-urlencoded",
    "application/vnd.ms-excel",
    "application/zip",
    "application/x-zip-compressed",
    "video/mp2t",
    "video/vnd.dlna.mpeg-tts",
}

KNOWN_SUFFIXES: Final = tuple(_BY_SUFFIX)
KINDS: Final = "Markdown, text, reStructuredText, HTML, PDF, DOCX, PPTX, XLSX, CSV, JSON, JSON lines, source code"
"""For people."""


def media_type_of(name: str, content_type: str = "") -> MediaType | None:
    """The media type of something called `name` (a path or file name), None if it cannot be taken in.

    A content type that says something outranks the suffix; its parameters do not matter.
    """
    declared = content_type.partition(";")[0].strip().lower()
    if declared not in _VAGUE:
        return _BY_CONTENT_TYPE.get(declared)
    by_suffix = _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
    if by_suffix is None and declared == "text/plain":
        return "text/plain"
    return by_suffix
