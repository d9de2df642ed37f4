"""Distinguishes a document without content from one whose content is not text."""

import re
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from rag.formats import TEXT_MEDIA_TYPES
from rag.types import RawDocument

_TAG = re.compile(
    rb"<(?:img|picture|svg|canvas|video|audio|iframe|frame|object|embed|script|noscript)\b", re.ASCII | re.IGNORECASE
)
_MARKDOWN_PICTURE = re.compile(rb"!\[[^\]\n]{0,999}\][(\[]")
_PART = re.compile(
    r"(?:^|/)(?:media|embeddings|charts|diagrams|pictures|objectreplacements)/.|\.(?:png|jpe?g|gif|svg|webp|tiff?|emf|wmf)$",
    re.IGNORECASE,
)
_PREVIEW = "thumbnail"


def describe_unread_content(raw: RawDocument) -> str:
    """Return in words what a document without text shows instead, or "" if it shows nothing."""
    if raw.media_type in {"text/html", "text/markdown"}:
        shows = _TAG.search(raw.body) or _MARKDOWN_PICTURE.search(raw.body)
        return "it shows only pictures, frames or what its scripts write" if shows else ""
    if raw.media_type in TEXT_MEDIA_TYPES:
        return ""
    try:
        with ZipFile(BytesIO(raw.body)) as archive:
            names = archive.namelist()
    except (BadZipFile, ValueError, OSError):
        return ""
    parts = [name for name in names if _PART.search(name) and _PREVIEW not in name.lower()]
    return "it contains only pictures, charts or other files; run text recognition (OCR) on them" if parts else ""
