"""Decides which stored documents of a source are removed: only those that certainly do not exist there any more."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.sources.base import Source
from rag.errors import InvalidInput
from rag.store.base import Catalogue
from rag.types import FIRST_CHUNKS, DocumentId, Scope

# A web source asks its server about each stored page that it did not reach by links.
_CONCURRENT_QUESTIONS = 16
_UNLISTED = "Stored documents were not removed, because the part of the source where they would be could not be listed."


@dataclass(frozen=True, slots=True)
class RemovableDocument:
    """A document of the collection that may have to be removed, with its URI for messages."""

    id: DocumentId
    uri: str


@dataclass(slots=True, kw_only=True)
class ListedDocuments:
    """The documents that the last listing of a source has yielded."""

    remember: bool
    """Keep the ID of each document, which costs memory per document. Only then can documents be removed."""
    existing: int = 0
    _seen: set[DocumentId] = field(default_factory=set)
    _gone: set[DocumentId] = field(default_factory=set)

    def add(self, document_id: DocumentId) -> None:
        self.existing += 1
        if self.remember:
            self._seen.add(document_id)

    def note_gone(self, document_id: DocumentId) -> None:
        """Record that a listed document did not exist any more when it was fetched."""
        self.existing -= 1
        self._gone.add(document_id)

    def has_seen(self, document_id: DocumentId) -> bool:
        return document_id in self._seen and document_id not in self._gone

    def may_remove(self, gone: Sequence[RemovableDocument]) -> bool:
        """Return False if everything would be removed, unless it is the one document that was named and is gone."""
        return self.existing > 0 or (len(gone) == 1 and gone[0].id in self._gone)


async def find_gone(
    source: Source, listed: ListedDocuments, catalogue: Catalogue, scope: Scope
) -> Sequence[RemovableDocument]:
    """Return the stored documents that the source covers and that do not exist there any more.

    Documents that may still exist become a warning of the source. Raises `InvalidInput` if the source is empty now:
    it is more often a disk that is not mounted than a wish to delete everything.
    """
    missing = [
        RemovableDocument(chunk.document_id, chunk.uri)
        async for chunk in catalogue.scroll(scope, FIRST_CHUNKS)
        if source.covers(chunk.uri) and not listed.has_seen(chunk.document_id)
    ]
    gone: list[RemovableDocument] = []
    for start in range(0, len(missing), _CONCURRENT_QUESTIONS):
        batch = missing[start : start + _CONCURRENT_QUESTIONS]
        answers = await asyncio.gather(*(source.is_gone(document.uri) for document in batch))
        for document, is_gone in zip(batch, answers, strict=True):
            if is_gone:
                gone.append(document)
            else:
                source.notes.warn("prune_skipped", _UNLISTED, document.uri)
    if gone and not listed.may_remove(gone):
        raise InvalidInput(
            f"The source is empty now, so its {len(gone):,} stored documents were not removed. "
            "`python -m ingest remove` removes them."
        )
    return gone
