"""The document formats that Groundwork ingests: one registry for every part that depends on a format.

docs/template.md has the steps of adding one. Uploads, sources and error messages follow from the registry. Tests in
`tests/consistency/` fail until the parser table, the page's `accept` list and the guide agree with it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

MediaType = Literal[
    "text/markdown",
    "text/plain",
    "text/html",
    "text/x-rst",
    "text/csv",
    "text/x-code",
    "application/json",
    "application/x-ndjson",
    "application/x-ipynb+json",
    "application/xml",
    "application/pdf",
    "application/rtf",
    "application/epub+zip",
    "message/rfc822",
    "image/png",
    "image/jpeg",
    "image/tiff",
    "image/webp",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
]


@dataclass(frozen=True, slots=True)
class DocumentFormat:
    """A document format and the ways in which files and servers declare it."""

    name: str
    """The name in messages and documentation."""
    media_type: MediaType
    suffixes: tuple[str, ...]
    """Lower-case file name suffixes, each with its dot."""
    content_types: tuple[str, ...] = ()
    """Other lower-case content types that servers use for this format."""
    names: tuple[str, ...] = ()
    """Lower-case names of files without a suffix."""
    is_text: bool = True
    """True if the bytes are encoded text, so that a charset applies to them."""
    needs_service: bool = False
    """True if only a parser service can read the format (`RAG_PARSER_SERVICE__URL`)."""


FORMATS: tuple[DocumentFormat, ...] = (
    DocumentFormat("Markdown", "text/markdown", (".md", ".markdown"), ("text/x-markdown",)),
    DocumentFormat(
        "plain text",
        "text/plain",
        (".txt", ".text", ".log", ".adoc", ".asciidoc", ".org"),
        ("text/x-log", "text/asciidoc", "text/org"),
        names=(
            *("readme", "license", "licence", "copying", "notice", "changelog", "changes", "history", "news"),
            *("authors", "contributors", "contributing", "maintainers", "install", "security", "todo", "version"),
        ),
    ),
    DocumentFormat("reStructuredText", "text/x-rst", (".rst",), ("text/prs.fallenstein.rst",)),
    DocumentFormat("HTML", "text/html", (".html", ".htm"), ("application/xhtml+xml",)),
    DocumentFormat("PDF", "application/pdf", (".pdf",), ("application/x-pdf",), is_text=False),
    DocumentFormat(
        "DOCX", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", (".docx",), is_text=False
    ),
    DocumentFormat(
        "PPTX", "application/vnd.openxmlformats-officedocument.presentationml.presentation", (".pptx",), is_text=False
    ),
    DocumentFormat(
        "XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", (".xlsx",), is_text=False
    ),
    DocumentFormat("RTF", "application/rtf", (".rtf",), ("text/rtf", "application/x-rtf"), is_text=False),
    DocumentFormat(
        "ODT",
        "application/vnd.oasis.opendocument.text",
        (".odt", ".ott"),
        ("application/vnd.oasis.opendocument.text-template",),
        is_text=False,
    ),
    DocumentFormat(
        "ODS",
        "application/vnd.oasis.opendocument.spreadsheet",
        (".ods", ".ots"),
        ("application/vnd.oasis.opendocument.spreadsheet-template",),
        is_text=False,
    ),
    DocumentFormat(
        "ODP",
        "application/vnd.oasis.opendocument.presentation",
        (".odp", ".otp"),
        ("application/vnd.oasis.opendocument.presentation-template",),
        is_text=False,
    ),
    DocumentFormat("EPUB", "application/epub+zip", (".epub",), is_text=False),
    # Each part of a message declares its own charset.
    DocumentFormat("e-mail", "message/rfc822", (".eml",), is_text=False),
    DocumentFormat("CSV", "text/csv", (".csv", ".tsv"), ("application/csv", "text/tab-separated-values")),
    DocumentFormat("JSON", "application/json", (".json",), ("application/ld+json", "application/geo+json")),
    DocumentFormat(
        "JSON lines",
        "application/x-ndjson",
        (".jsonl", ".ndjson"),
        ("application/ndjson", "application/jsonl", "application/x-jsonlines"),
    ),
    DocumentFormat("PNG", "image/png", (".png",), is_text=False, needs_service=True),
    DocumentFormat("JPEG", "image/jpeg", (".jpg", ".jpeg"), ("image/jpg",), is_text=False, needs_service=True),
    DocumentFormat("TIFF", "image/tiff", (".tif", ".tiff"), is_text=False, needs_service=True),
    DocumentFormat("WebP", "image/webp", (".webp",), is_text=False, needs_service=True),
    DocumentFormat("Jupyter notebook", "application/x-ipynb+json", (".ipynb",)),
    DocumentFormat(
        "XML", "application/xml", (".xml", ".dbk"), ("text/xml", "application/rss+xml", "application/atom+xml")
    ),
    DocumentFormat(
        "source code",
        "text/x-code",
        # Files that people write and ask about. Lock files and source maps are generated; style sheets hold no prose.
        (
            *(".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".java", ".kt", ".scala"),
            *(".go", ".rs", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".swift", ".rb", ".php", ".pl", ".lua", ".r"),
            *(".jl", ".ex", ".exs", ".erl", ".hs", ".clj", ".dart", ".sh", ".bash", ".ps1", ".sql", ".proto"),
            *(".graphql", ".tf", ".yaml", ".yml", ".toml", ".ini", ".cfg"),
        ),
        (
            *("text/javascript", "application/javascript", "application/x-javascript", "application/typescript"),
            *("text/x-python", "text/x-script.python", "application/x-python-code"),
            *("text/x-java-source", "text/x-java", "text/x-c", "text/x-csrc", "text/x-chdr", "text/x-c++"),
            *("text/x-c++src", "text/x-go", "text/rust", "text/x-ruby", "application/x-php"),
            *("application/x-sh", "text/x-sh", "application/sql", "application/toml"),
            *("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"),
        ),
        names=("dockerfile", "containerfile", "makefile", "gnumakefile", "jenkinsfile", "justfile", "procfile"),
    ),
)

FORMAT_NAMES = ", ".join(known.name for known in FORMATS)
"""All formats, for messages."""
IMAGE_MEDIA_TYPES: tuple[MediaType, ...] = tuple(known.media_type for known in FORMATS if known.needs_service)
TEXT_MEDIA_TYPES = tuple(known.media_type for known in FORMATS if known.is_text)

_CHARSET = re.compile(r"""; *charset *= *["']?([a-z0-9._:+-]{1,40})["']? *(?:;|$)""", re.ASCII | re.IGNORECASE)
_BY_SUFFIX: Mapping[str, MediaType] = {suffix: known.media_type for known in FORMATS for suffix in known.suffixes}
_BY_NAME: Mapping[str, MediaType] = {name: known.media_type for known in FORMATS for name in known.names}
_BY_MEDIA_TYPE: Mapping[MediaType, DocumentFormat] = {known.media_type: known for known in FORMATS}
_BY_CONTENT_TYPE: Mapping[str, MediaType] = {
    content_type: known.media_type for known in FORMATS for content_type in (known.media_type, *known.content_types)
}

# Content types that say less than the suffix: GitHub serves Markdown as text/plain, curl sends the form type by
# default, Windows registers CSV for Excel, some servers call Office files ZIP, and .ts is also a video suffix.
_UNSPECIFIC = frozenset(
    {
        *("", "text/plain", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded"),
        *("application/vnd.ms-excel", "application/zip", "application/x-zip-compressed"),
        *("video/mp2t", "video/vnd.dlna.mpeg-tts"),
    }
)


def media_type_of(name: str, content_type: str = "") -> MediaType | None:
    """Return the media type of a file or path called `name`, or None if its format is not supported.

    A specific content type outranks the suffix. Its parameters, such as the charset, are ignored.
    """
    declared = content_type.partition(";")[0].strip().lower()
    if declared not in _UNSPECIFIC:
        return _BY_CONTENT_TYPE.get(declared)
    path = PurePosixPath(name)
    by_name = _BY_SUFFIX.get(path.suffix.lower()) or _BY_NAME.get(path.name.lower())
    if by_name is None and declared == "text/plain":
        return "text/plain"
    return by_name


def format_of(media_type: MediaType) -> DocumentFormat:
    return _BY_MEDIA_TYPE[media_type]


def charset_of(content_type: str) -> str:
    """Return the charset that a Content-Type declares, in lower case, or "". It need not be the name of a real one."""
    declared = _CHARSET.search(content_type)
    return declared[1].lower() if declared else ""
