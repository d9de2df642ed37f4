"""Word recall of our parsers against the reference extractors, file by file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest.parsing.factory import parse
from rag.errors import InvalidInput
from rag.formats import MediaType, media_type_of
from rag.types import Document, DocumentId, RawDocument
from research.extraction.references import Unreadable, references
from research.extraction.words import words_of

GOOD: Final = 0.98
"""A file is good if it has this share of the reference's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What one file has in common with its reference."""

    path: Path
    media_type: MediaType
    words: int
    """Words of the reference."""
    found: int
    """Those of them that our text has too, each as often as it occurs."""
    warnings: tuple[str, ...]
    """Codes and messages of our parser."""
    loses_text: bool
    """True if a warning says that text is missing, if only that of a menu."""
    missing: tuple[str, ...]
    """The most frequent missing words, for the person who looks for the cause."""

    @property
    def recall(self) -> float:
        return self.found / self.words

    @property
    def is_good(self) -> bool:
        return self.recall >= GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file without a comparison, and the reason."""

    path: Path
    media_type: MediaType
    reason: str


def measure(paths: Sequence[Path]) -> Iterator[FileResult | Skipped]:
    """Compare each file whose format has an installed reference."""
    by_type = references()
    for path in paths:
        media_type = media_type_of(path.name)
        if media_type is None or (reference := by_type.get(media_type)) is None or not reference.is_installed():
            continue
        try:
            words = words_of(reference.read(path))
            document = _parse(path, media_type)
        except Unreadable as error:
            yield Skipped(path=path, media_type=media_type, reason=str(error))
        except InvalidInput as error:
            yield Skipped(path=path, media_type=media_type, reason=f"rejected: {error}")
        else:
            if not words:
                yield Skipped(path=path, media_type=media_type, reason=f"{reference.name} finds no words")
                continue
            ours = words_of(_text_of(document))
            yield FileResult(
                path=path,
                media_type=media_type,
                words=words.total(),
                found=(words & ours).total(),
                warnings=tuple(f"{warning.code}: {warning.message}" for warning in document.warnings),
                # The reference reads the menus of web pages as well.
                loses_text=any(warning.loses_text or warning.code == "page_frame" for warning in document.warnings),
                missing=tuple(word for word, _ in (words - ours).most_common(12)),
            )


def missing_references() -> list[str]:
    """Return the names of the references that are not installed."""
    return sorted({reference.name for reference in references().values() if not reference.is_installed()})


def _parse(path: Path, media_type: MediaType) -> Document:
    body = path.read_bytes()
    raw = RawDocument(id=DocumentId(path.name), uri=path.absolute().as_uri(), media_type=media_type, body=body)
    return parse(raw, version="")


def _text_of(document: Document) -> str:
    """Return the text with each heading once, although all sections below a heading have it in their path."""
    pieces: list[str] = []
    before: tuple[str, ...] = ()
    for section in document.sections:
        path = section.heading_path
        shared = next(
            (n for n, (a, b) in enumerate(zip(path, before, strict=False)) if a != b), min(len(path), len(before))
        )
        pieces += [*path[shared:], section.text]
        before = path
    return "\n".join(pieces)
