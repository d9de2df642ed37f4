"""The values that pass between the parts, named as the rest of the code names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NewType

import numpy as np
import numpy.typing as npt

from rag.formats import MediaType

Vector = npt.NDArray[np.float32]
"""A dense embedding: shape (dimension,), L2 norm 1."""

DocumentId = NewType("DocumentId", str)
"""Unique within a tenant: chosen by whoever uploads, or derived from the URI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose documents an operation may touch.

    Every operation of a store takes one, so a search that forgets the tenant does not type-check.
    Access labels within a tenant belong here when they come.
    """

    tenant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDocument:
    """A document as its source delivered it, before parsing.

    A new field touches four places: this class, the source or route that fills it, `Chunk` if searches return it, and
    `ingest.isolation`, which copies it to the chunks. Both inboxes and both stores write every field by its name.
    """

    id: DocumentId
    uri: str
    media_type: MediaType
    body: bytes
    title: str = ""
    """Where the source knows it better than the bytes do."""
    validator: str = ""
    """What the source says of this state, to ask it next time whether it has changed: an ETag, a date; or nothing."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """A few short facts that searches can be narrowed by (`rag.metadata`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Text under one heading path, such as ("Install", "From source"); the path of a preamble is empty."""

    heading_path: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One source unit as text, cut into sections where its own structure cuts it."""

    id: DocumentId
    uri: str
    media_type: MediaType
    title: str
    sections: tuple[Section, ...]
    version: str
    """Tells one state of the document from another: the same version needs no second embedding."""
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage of a document: what is embedded, stored and cited."""

    id: str
    """A UUID, the same for the same text in the same document."""
    document_id: DocumentId
    uri: str
    media_type: MediaType
    title: str
    heading_path: tuple[str, ...]
    text: str
    ordinal: int
    """Position in its document, from 0."""
    version: str
    """The state of the document that it belongs to."""
    ingested_at: float
    """Unix time in seconds."""
    chunk_count: int
    """How many chunks its document has in this version."""
    validator: str = ""
    """As its `RawDocument` had it."""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def passage(self) -> str:
        """The text as it is embedded: the heading path in front, so that a chunk knows where it stands."""
        return passage_of(self.heading_path, self.text)


def passage_of(heading_path: Sequence[str], text: str) -> str:
    return f"{' > '.join(heading_path)}\n{text}" if heading_path else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A chunk with its dense vector, as the store takes it."""

    chunk: Chunk
    vector: Vector
    order: int = 0
    """Of two states of a document the later has the greater; 0 for one that came past the inbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question as the store searches for it: its words for BM25, its dense vector, and what each of them counts."""

    text: str
    vector: Vector
    words_share: float = 0.4
    """Of the fused score, what BM25 gives: 0 searches by the vector alone, 1 by the words alone."""
    feedback: float = 0.0
    """How far the vector moves towards the best passage, to search once more with it (Rocchio, 1971); 0: once only."""
    smoothing: float = 0.0
    """What of a passage's score comes from the passages found that are nearest to it; 0: each stands alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFilter:
    """Which chunks qualify; an empty tuple does not restrict, several values are alternatives."""

    document_ids: tuple[DocumentId, ...] = ()
    uris: tuple[str, ...] = ()
    uri_prefixes: tuple[str, ...] = ()
    media_types: tuple[MediaType, ...] = ()
    ordinals: tuple[int, ...] = ()
    ingested_since: float | None = None
    """Unix time in seconds; it counts itself."""
    ingested_before: float | None = None
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Key to values."""


EVERYTHING = ChunkFilter()
FIRST_CHUNKS = ChunkFilter(ordinals=(0,))
"""One chunk for each document: the way to list documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredChunk:
    """A candidate; `score` orders candidates of one search, `similarity` compares across searches."""

    chunk: Chunk
    score: float
    """Both rankings' scores, fused: at most 1."""
    similarity: float
    """Cosine of question and passage, -1 to 1."""
    bm25: float | None = None
    """Score by words; None where the passage is not among the best by words."""
    rerank_score: float | None = None
    """The reranker's, where it had the time; it compares within one search only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderIdentity:
    """What a collection remembers of the embedder that filled it."""

    model: str
    dimension: int
    digest: str = ""
    """sha256 of the weights where they are known, else empty."""
