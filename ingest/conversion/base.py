"""The port of parser services."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.types import RawDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedPage:
    """One page of a document as Markdown."""

    number: int | None
    """None if the service does not say it."""
    markdown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A document as Markdown. It is as untrusted as the document itself."""

    pages: Sequence[ConvertedPage]
    is_partial: bool = False
    """True if the service says that it could not convert all of the document."""


class DocumentConverter(Protocol):
    """Recognises the text of scanned documents and images."""

    async def convert(self, raw: RawDocument) -> Conversion:
        """Return the document's text.

        Raises `InvalidInput` if the document is at fault, and `Unavailable` or `BadResponse` if the service is.
        """
