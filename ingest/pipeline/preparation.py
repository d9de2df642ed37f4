"""Prepare a document: compare it with the stored version, fetch, parse and chunk it. Nothing is written yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from ingest.metrics import RETRIES, STAGES
from ingest.sources.base import Gone, Unit, Unmodified
from rag.errors import GroundworkError, InvalidInput, Unavailable
from rag.parsing_warnings import ParsingWarning
from rag.retries import retry
from rag.store.base import Catalogue
from rag.types import Chunk, ChunkFilter, DocumentId, RawDocument, Scope

# The version of parsers and chunker. Increase it when they make other chunks from the same bytes: the next run or
# upload of a document then ingests it again.
_RECIPE = 5
# What a recipe ends with if the document was sent to the parser service.
_CONVERTED = ".converted"
_FETCH_SECONDS = 20.0

StoredDocuments = Mapping[DocumentId, Chunk | None]
"""The first chunk of each document, or None for a document that is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """The result of ingesting one document."""

    uri: str
    status: Literal["new", "changed", "unchanged", "removed", "empty", "rejected"]
    chunks: int = 0
    warnings: tuple[ParsingWarning, ...] = ()
    """What is missing or uncertain in the document, whether it was ingested now or is unchanged."""
    reason: str | None = None
    """Why the document was rejected: one line for the person who sent it."""
    trace: str = ""
    """The traceback, if the document was rejected because of a fault in this program."""
    version: str = ""
    """The version of a document that was fetched and then was empty or rejected."""
    removes_version: bool = False
    """True if the document is empty and an earlier version with text is stored."""
    is_gone: bool = False
    """True if the document was rejected because it no longer exists."""

    @property
    def changes_collection(self) -> bool:
        return self.status in {"new", "changed", "removed"} or self.removes_version


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedDocument:
    """The chunks of a document before they have vectors."""

    result: IngestResult
    chunks: Sequence[Chunk]


class ChunkingParser(Protocol):
    """Turns raw documents into chunks, isolated from this process, so that a slow document can be stopped."""

    converts: bool
    """True if it sends documents with pages without text to a parser service."""

    @property
    def recipe(self) -> str:
        """The settings that chunks depend on; every document is ingested again when it changes."""

    async def parse(self, raw: RawDocument, *, version: str) -> list[Chunk]:
        """Return the chunks of the document, none if it is empty; raises `InvalidInput` if its text cannot be read."""


async def prepare(unit: Unit, stored: Chunk | None, parser: ChunkingParser) -> IngestResult | PreparedDocument:
    """Return the chunks to write, or a result if there is nothing to write."""
    try:
        with STAGES.stage("fetch", span_name="fetch"):
            raw = await fetch_if_changed(unit, stored, parser.recipe, converts=parser.converts)
    except (InvalidInput, Unavailable) as error:
        return rejection_of(unit, error)
    if raw is None:
        return IngestResult(uri=unit.uri, status="unchanged", warnings=stored.warnings if stored else ())
    version = version_of(raw, parser.recipe)
    try:
        # Empty files are common and not stored, so without this each run would start a process for them.
        chunks = await parser.parse(raw, version=version) if raw.body.strip() else []
    except InvalidInput as error:
        return rejection_of(unit, error, version=version)
    if not chunks:
        return IngestResult(uri=unit.uri, status="empty", version=version, removes_version=stored is not None)
    result = IngestResult(
        uri=unit.uri,
        status="changed" if stored else "new",
        chunks=len(chunks),
        warnings=chunks[0].warnings,
    )
    return PreparedDocument(result=result, chunks=chunks)


def rejection_of(unit: Unit, error: GroundworkError, *, version: str = "") -> IngestResult:
    return IngestResult(
        uri=unit.uri,
        status="rejected",
        reason=str(error),
        trace=getattr(error, "trace", ""),
        version=version,
        is_gone=isinstance(error, Gone),
    )


async def fetch_if_changed(unit: Unit, stored: Chunk | None, recipe: str, *, converts: bool) -> RawDocument | None:
    """Return None if the stored version is current; raises `InvalidInput` or `Unavailable`.

    `recipe` and `converts` are those of the `ChunkingParser`.
    """
    # Without a validator the source always sends the bytes: if the recipe has changed, its chunks must be made again.
    current = stored if stored and _is_current(stored, recipe, converts=converts) else None
    validator = current.validator if current else ""
    raw = await retry(RETRIES.labels("fetch"), lambda: unit.fetch(validator), seconds=_FETCH_SECONDS)
    if isinstance(raw, Unmodified):
        return None
    versions = (version_of(raw, recipe), converted_version(raw, recipe))
    return None if current and current.version in versions else raw


def version_of(raw: RawDocument, recipe: str) -> str:
    """Return the recipe of the chunks, and the digest of everything that they are made from."""
    return f"{_prefix_of(recipe)}{raw.digest()}"


def converted_version(raw: RawDocument, recipe: str) -> str:
    """Return the version of a document that was sent to the parser service. Without the service it stays current."""
    return version_of(raw, f"{recipe}{_CONVERTED}")


def has_unread_pages(first: Chunk) -> bool:
    """Return whether a parser service can read more of the document whose first chunk this is."""
    return any(warning.code == "page_without_text" for warning in first.warnings)


def parsed_by_earlier_version(chunk: Chunk) -> bool:
    """Return whether other parsers or another chunker made the chunk than this version would use."""
    number = chunk.version.partition("-")[0].partition(".")[0]
    return not number.isdecimal() or int(number) < _RECIPE


async def stored_documents(store: Catalogue, scope: Scope, document_ids: Sequence[DocumentId]) -> StoredDocuments:
    """Return the first chunk of each document.

    A broken commit can leave two live versions. The chunk then has no version, so the next run writes the document
    again, which removes the extra version.
    """
    stored: dict[DocumentId, Chunk | None] = dict.fromkeys(document_ids)
    if document_ids:
        async for chunk in store.scroll(scope, ChunkFilter(document_ids=tuple(document_ids), ordinals=(0,))):
            is_second = stored[chunk.document_id] is not None
            stored[chunk.document_id] = replace(chunk, version="") if is_second else chunk
    return stored


def _is_current(stored: Chunk, recipe: str, *, converts: bool) -> bool:
    """Return whether the same bytes would become the same chunks. A parser service can read more pages than before."""
    if stored.version.startswith(_prefix_of(f"{recipe}{_CONVERTED}")):
        return True
    return stored.version.startswith(_prefix_of(recipe)) and not (converts and has_unread_pages(stored))


def _prefix_of(recipe: str) -> str:
    return f"{_RECIPE}.{recipe}-"
