"""A worker killed between any two steps: readers see the complete old version, then the complete new one."""

import asyncio
from pathlib import Path

import pytest

from rag.inbox.base import Upload
from rag.inbox.folder.inbox import FolderInbox
from rag.store.edge.revisions import Revisions
from rag.types import DocumentId, RawDocument
from tests.support.fakes.mortal import run_until_killed
from tests.support.verdict import SCOPE, require_each_once, stored
from tests.support.workers import work_until_settled

_REPLACE = f"{Path.replace.__code__.co_filename}:replace"
_COPY_FILE = "rag/store/files.py:_copy_sparse"
_NIGHTLY = pytest.mark.nightly
# Name of the stage that is complete, the call after it, and which of these calls: the worker is killed as it begins.
# `make test` runs one stage of each way to recover. `make faults` runs all.
_STAGES = [
    pytest.param("ingest/pipeline/preparation.py:prepare", 1, id="claimed"),
    pytest.param("ingest/pipeline/pipeline.py:_stored_vectors", 1, id="parsed", marks=_NIGHTLY),
    pytest.param("rag/store/edge/store.py:stage", 1, id="embedded", marks=_NIGHTLY),
    pytest.param("rag/store/edge/store.py:commit", 1, id="staged", marks=_NIGHTLY),
    pytest.param("rag/store/edge/store.py:commit", 2, id="staged, the other document committed"),
    pytest.param("ingest/pipeline/publishing.py:publish", 1, id="committed", marks=_NIGHTLY),
    pytest.param(_COPY_FILE, 5, id="half copied"),
    pytest.param("rag/store/schema.py:to_metadata", 1, id="copied", marks=_NIGHTLY),
    pytest.param("rag/store/edge/revisions.py:_point_to", 1, id="copied and renamed", marks=_NIGHTLY),
    # The first replacement is that of the revision's description.
    pytest.param(_REPLACE, 2, id="pointer written, not renamed"),
    pytest.param(
        "rag/store/edge/revisions.py:_drop_all_but", 2, id="published, old revision not dropped", marks=_NIGHTLY
    ),
    pytest.param("rag/inbox/folder/worklist.py:acknowledge", 1, id="published, not acknowledged"),
    pytest.param("rag/inbox/folder/worklist.py:acknowledge", 2, id="one acknowledged, the other not", marks=_NIGHTLY),
]


class Library:
    """Documents in generations: each generation changes one document and adds one."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.generation = 0

    def write_next(self) -> None:
        """Queue one changed and one new document."""
        self.generation += 1
        parts = [f"## Part {n}\n\nThe text {self.generation}.{n} goes on. " + "Words. " * 60 for n in range(3)]
        self._put("changed.md", "\n\n".join([f"# {self.generation}", *parts]))
        self._put(f"new-{self.generation}.md", f"# New\n\nNumber {self.generation}.")

    def visible_generation(self) -> int:
        """Return the generation of the changed document, after a check that each document is complete."""
        chunks = stored(self.data_dir)
        [title] = {chunk.title for chunk in chunks if chunk.uri.endswith("changed.md")}
        return int(title)

    def _put(self, name: str, text: str) -> None:
        document_id = DocumentId(name)
        document = RawDocument(id=document_id, uri=name, media_type="text/markdown", body=text.encode())
        upload = Upload(scope=SCOPE, document=document)
        asyncio.run(FolderInbox(self.data_dir / "inbox").put(upload))

    @property
    def documents(self) -> int:
        return 1 + self.generation


@pytest.fixture(scope="module")
def library(tmp_path_factory, onnx_models) -> Library:
    """One library for all tests: each test leaves a repaired collection."""
    data_dir = tmp_path_factory.mktemp("library")
    (data_dir / "models").symlink_to(onnx_models)
    library = Library(data_dir)
    library.write_next()
    work_until_settled(library.data_dir)
    return library


@pytest.mark.parametrize(("place", "nth"), _STAGES)
def test_the_next_worker_repairs_the_collection_after_a_kill_when(library, place, nth):
    library.write_next()
    if place == _COPY_FILE:  # A writer begins by copying the current revision.
        nth += _files_of_the_current_revision(library.data_dir)
    run_until_killed(library.data_dir, place, nth, "worker", RAG_WORKER_ATTEMPTS="1000", RAG_PARSING__PROCESSES="1")
    assert library.visible_generation() in {library.generation - 1, library.generation}
    work_until_settled(library.data_dir)
    assert library.visible_generation() == library.generation
    require_each_once(library.data_dir, library.documents)


def _files_of_the_current_revision(data_dir: Path) -> int:
    current = Revisions(data_dir / "store").current()
    assert current is not None
    return sum(path.is_file() for path in current.rglob("*"))
