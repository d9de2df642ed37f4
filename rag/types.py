"""Values that pass between the parts: documents, chunks, queries and their identities."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NewType

import numpy as np
import numpy.typing as npt

from rag.formats import MediaType
from rag.parsing_warnings import ParsingWarning

Vector = npt.NDArray[np.float32]
"""A dense embedding: shape (dimension,), L2 norm 1."""

DocumentId = NewType("DocumentId", str)
"""Unique within a tenant: chosen by the client that uploads, or derived from the URI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The documents that an operation may touch.

    Every operation of a store takes a scope, so a search that forgets the tenant fails type checking.
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
    """Set if the source knows a better title than the bytes contain."""
    validator: str = ""
    """Identifies this state for the source, such as an ETag or a date. The next fetch sends it. May be empty."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Key-value pairs that searches can filter by (`rag.metadata`)."""
    charset: str = ""
    """The encoding of the text that the source or the client declared beside the bytes, in lower case. May be empty."""

    def digest(self) -> str:
        """Return the sha256 of everything that the document's points are made from. It reads the whole body."""
        # Without a charset, documents of earlier versions keep their digests.
        charset = f"; charset={self.charset}" if self.charset else ""
        digest = hashlib.sha256(f"{self.media_type}{charset}\n{self.title}\n".encode())
        for key, value in sorted(self.metadata.items()):
            digest.update(f"{key}={value}\n".encode())
        digest.update(self.body)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The position of text in its document. Numbers start at 1; fields that a format lacks are None or empty."""

    page: int | None = None
    slide: int | None = None
    sheet: str = ""
    rows: tuple[int, int] | None = None
    """First and last row of a table, as a spreadsheet numbers them."""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Text under one heading path, such as ("Install", "From source"). The path of a preamble is empty."""

    heading_path: tuple[str, ...]
    text: str
    places: tuple[tuple[int, Place], ...] = ()
    """Offsets in `text` in ascending order, each with the place of the text that begins there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed document: text in sections that follow its own structure."""

    id: DocumentId
    uri: str
    media_type: MediaType
    title: str
    sections: tuple[Section, ...]
    version: str
    """Identifies the state of the document. An unchanged version is not embedded again."""
    validator: str = ""
    language: str = ""
    """ISO 639-1 code that selects stemming and stop words of BM25. Empty: not known, or none."""
    warnings: tuple[ParsingWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage of a document. It is embedded, stored and cited."""

    id: str
    """A UUID. The same text in the same document has the same id."""
    document_id: DocumentId
    uri: str
    media_type: MediaType
    title: str
    heading_path: tuple[str, ...]
    text: str
    ordinal: int
    """Position in the document, from 0."""
    version: str
    """The version of the document that the chunk belongs to."""
    ingested_at: float
    """Unix time in seconds."""
    chunk_count: int
    """Number of chunks of the document in this version."""
    validator: str = ""
    """The validator of the `RawDocument`."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    place: Place = Place()
    """Where the chunk begins; `rows` covers all its rows."""
    language: str = ""
    """The language of the document, as in `Document`."""
    warnings: tuple[ParsingWarning, ...] = ()
    """The warnings of the document, in its first chunk only."""

    @property
    def passage(self) -> str:
        """The text that is embedded: the heading path, which gives context, and the chunk's text."""
        return passage_of(self.heading_path, self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """The live version of a document, without its text."""

    document_id: DocumentId
    uri: str
    media_type: MediaType
    title: str
    version: str
    ingested_at: float
    """Unix time in seconds."""
    chunk_count: int
    metadata: Mapping[str, str]
    warnings: tuple[ParsingWarning, ...] = ()

    @property
    def digest(self) -> str:
        """The digest of the `RawDocument`: the version without the recipe of its chunks."""
        return self.version.rpartition("-")[2]


def to_fields(chunk: Chunk) -> dict[str, Any]:
    """Return the chunk as JSON-compatible values, for storing it or sending it to another process."""
    place = to_place_fields(chunk.place)
    changed = {"heading_path": list(chunk.heading_path), "metadata": dict(chunk.metadata), "place": place}
    return asdict(chunk) | changed | {"warnings": [asdict(warning) for warning in chunk.warnings]}


def to_place_fields(place: Place) -> dict[str, Any]:
    """Return what is known of the place as JSON-compatible values."""
    known = {name: value for name, value in asdict(place).items() if value}
    return known | {"rows": list(place.rows)} if place.rows else known


def to_chunk(fields: Mapping[str, Any]) -> Chunk:
    """Return the chunk that `to_fields` has converted to these fields."""
    place = dict(fields["place"])
    if "rows" in place:
        place["rows"] = tuple(place["rows"])
    changed = {"heading_path": tuple(fields["heading_path"]), "place": Place(**place)}
    return Chunk(**(dict(fields) | changed | {"warnings": to_warnings(fields["warnings"])}))


def to_warnings(fields: Sequence[Mapping[str, Any]]) -> tuple[ParsingWarning, ...]:
    return tuple(ParsingWarning(**warning) for warning in fields)


def passage_of(heading_path: Sequence[str], text: str) -> str:
    return f"{' > '.join(heading_path)}\n{text}" if heading_path else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A chunk with its dense vector."""

    chunk: Chunk
    vector: Vector
    order: int = 0
    """Grows with each state of a document that the inbox received. 0 without an inbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A hybrid search: words for BM25, a dense vector for similarity, and their weights."""

    text: str
    vector: Vector
    words_share: float = 0.4
    """Weight of BM25 in the fused score: 0 uses only the vector, 1 only the words."""
    feedback: float = 0.0
    """Rocchio feedback weight: how far the vector moves towards the top hit for a second search. 0 disables it."""
    smoothing: float = 0.0
    """Share of a hit's score that comes from its nearest neighbours among the hits. 0 disables smoothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFilter:
    """Conditions that a chunk must meet. An empty tuple does not restrict; several values are alternatives."""

    document_ids: tuple[DocumentId, ...] = ()
    uris: tuple[str, ...] = ()
    uri_prefixes: tuple[str, ...] = ()
    media_types: tuple[MediaType, ...] = ()
    ordinals: tuple[int, ...] = ()
    ingested_since: float | None = None
    """Unix time in seconds, inclusive."""
    ingested_before: float | None = None
    """Unix time in seconds, exclusive."""
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Accepted values by key."""


EVERYTHING = ChunkFilter()
FIRST_CHUNKS = ChunkFilter(ordinals=(0,))
"""Matches one chunk of each document, which lists the documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredChunk:
    """A search hit. `score` orders the hits of one search; `similarity` is comparable between searches."""

    chunk: Chunk
    score: float
    """Fused score of both rankings, at most 1."""
    similarity: float
    """Cosine of query and passage, -1 to 1."""
    bm25: float | None = None
    """BM25 score. None if the passage is not among the best by words."""
    rerank_score: float | None = None
    """Score of the reranker, comparable within one search. None if it was not reranked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderIdentity:
    """The embedder of a collection. Vectors of different embedders must not be mixed."""

    model: str
    dimension: int
    digest: str = ""
    """SHA-256 of the weights, or empty if they are not known."""
