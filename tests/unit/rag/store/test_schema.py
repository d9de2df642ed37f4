"""Rules that all stores share: versions, embedders and schemas."""

from dataclasses import replace

import pytest

from rag.errors import IndexMismatch
from rag.store.schema import newest_versions, require_same_embedder, to_identity, to_metadata
from rag.types import EmbedderIdentity, ScoredChunk
from tests.support.contracts.store import EMBEDDER, point


def hit(version: str, ingested_at: float, *, document: str = "doc") -> ScoredChunk:
    chunk = point(f"text of {version}", document=document, version=version, ingested_at=ingested_at).chunk
    return ScoredChunk(chunk=chunk, score=0.5, similarity=0.5)


def test_hits_of_an_older_version_of_a_document_are_dropped():
    old, new, other = hit("v1", 1.0), hit("v2", 2.0), hit("v0", 0.5, document="other")
    assert newest_versions([old, new, other]) == [new, other]
    assert newest_versions([new, old, other]) == [new, other]


def test_of_two_versions_of_the_same_moment_the_better_hit_is_kept():
    first, second = hit("v1", 1.0), hit("v2", 1.0)
    assert newest_versions([first, second]) == [first]


@pytest.mark.parametrize(
    ("stored", "described"),
    [
        (EMBEDDER, r"filled by contract \(8 dimensions, weights abc…\)"),
        (replace(EMBEDDER, digest=""), r"filled by contract \(8 dimensions\)"),
    ],
)
def test_the_error_for_another_embedder_describes_both(stored, described):
    with pytest.raises(IndexMismatch, match=rf"{described}, but other \(16 dimensions\)"):
        require_same_embedder(stored, EmbedderIdentity(model="other", dimension=16))
    require_same_embedder(stored, replace(stored))


def test_the_embedder_is_read_from_metadata_of_this_schema_only():
    assert to_identity(to_metadata(EMBEDDER)) == EMBEDDER
    with pytest.raises(IndexMismatch, match="another program"):
        to_identity(to_metadata(EMBEDDER) | {"schema": 0})
