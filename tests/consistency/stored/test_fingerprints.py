"""A stored format changes only together with its number and its upgrade.

A test fails if a stored format has changed. Then let the commit before the change write a data directory
(`python -m tests.support.releases`), increment the number, add the step, and pin the new fingerprint under the number.
"""

import dataclasses
import gzip
import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.backup.manifest import Manifest
from ingest.migration import upgrade
from rag.inbox.base import Removal, Upload, key_of
from rag.inbox.folder.files import FORMAT, Name, to_content
from rag.inbox.redis import queue
from rag.state import sqlite
from rag.state.redis import SCRIPT
from rag.store import archive, earlier, schema
from rag.store.bm25 import encode_passage
from rag.types import DocumentId, RawDocument
from service.answering import conversations, feedback
from service.auth import keys
from service.drift import reference, window
from service.drift.base import Observation
from tests.support.contracts.store import EMBEDDER, OURS, direction, point

_OBSERVATIONS = [
    Observation(vector=direction(number % 8), values={"similarity": number / 20})
    for number in range(reference.MIN_QUESTIONS)
]
_MANIFEST_FORMAT = 1
_FEEDBACK_FORMAT = 1


def describe_collection(_: Path) -> list[Any]:
    its = point("a passage of text", metadata={"team": "ops"})
    words = encode_passage(its.chunk)
    return [
        shape_of(schema.to_payload(OURS, its)),
        shape_of(schema.to_metadata(EMBEDDER)),
        schema.to_point_id(OURS, its.chunk),
        [schema.DENSE, schema.SPARSE],
        [schema.KEYWORD_FIELDS, schema.PREFIX_FIELDS, schema.INTEGER_FIELDS, schema.FLOAT_FIELDS],
        sorted(zip(words.indices, [round(value, 4) for value in words.values], strict=True)),
    ]


def describe_inbox(_: Path) -> list[Any]:
    document = RawDocument(id=DocumentId("a"), uri="u", media_type="text/plain", body=b"text", metadata={"team": "ops"})
    jobs = (
        Upload(scope=OURS, document=document, traceparent="t", digest="d"),
        Removal(scope=OURS, document_id=document.id),
    )
    headers = [json.loads(to_content(job).partition(b"\n")[0]) for job in jobs]
    name = str(Name(due=1, put=2, attempts=3, key=key_of(OURS, document.id)))
    script = Path(queue.__file__).with_name("queue.lua").read_text()
    keys_in_redis = [line.split() for line in script.splitlines() if line.startswith("-- <stream>")]
    return [[shape_of(header) for header in headers], name, keys_in_redis]


def describe_keys(folder: Path) -> list[Any]:
    keys.Keys(folder / "keys.json").create(tenant="acme", role="reader")
    return [shape_of(json.loads((folder / "keys.json").read_text())[0])]


def describe_reference(folder: Path) -> list[Any]:
    built = reference.build_reference(_OBSERVATIONS, EMBEDDER, [reference.word_key("word")])
    reference.write_reference(built, folder / "reference.npz")
    return [shape_of_archive(folder / "reference.npz"), reference.word_key("word")]


def describe_window(folder: Path) -> list[Any]:
    window.write_window(window.Window(observations=_OBSERVATIONS, seen=20, embedder=EMBEDDER), folder / "window.npz")
    return [shape_of_archive(folder / "window.npz")]


def describe_archive(folder: Path) -> list[Any]:
    its = point("a passage of text")
    writer = archive.ArchiveWriter(folder)
    writer.add(schema.to_payload(OURS, its), its.vector)
    writer.finish(schema.to_metadata(EMBEDDER), {archive.VersionKey("ours", "doc", "v0")})
    [line] = gzip.decompress((folder / "00001.jsonl.gz").read_bytes()).splitlines()
    header = json.loads((folder / "archive.json").read_text())
    vectors = np.load(folder / "00001.npy")
    return [
        sorted(path.name for path in folder.iterdir()),
        shape_of(header) | {"dropped": header["dropped"]},
        shape_of(json.loads(line)),
        [str(vectors.dtype), vectors.ndim],
    ]


def describe_state(folder: Path) -> list[Any]:
    state = folder / "state.sqlite"
    sqlite.back_up_state(state, folder / "copy.sqlite")
    with closing(sqlite3.connect(folder / "copy.sqlite")) as database:
        tables = [row[0] for row in database.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")]
    keys_in_redis = [line.split() for line in SCRIPT.read_text().splitlines() if line.startswith("-- <tenant>")]
    return [tables, keys_in_redis]


def describe_conversations(_: Path) -> list[Any]:
    return fields_of(conversations.KeptTurn, conversations.KeptCitation)


def describe_feedback(_: Path) -> list[Any]:
    return fields_of(feedback.Feedback, feedback.RatedAnswer)


def describe_manifest(_: Path) -> list[Any]:
    return fields_of(Manifest)


@pytest.mark.parametrize(
    ("describe", "number", "pinned"),
    [
        (describe_collection, schema.SCHEMA, {4: "716264428d0a"}),
        # The latest order may be missing, in Redis as in a folder, so the number stayed when it came.
        (describe_inbox, FORMAT, {3: "50568354b1ca"}),
        (describe_keys, upgrade.KEYS_FORMAT, {1: "dc75c575d8f4"}),
        (describe_reference, reference.SCHEMA, {1: "399d2721a9e1"}),
        (describe_window, window.SCHEMA, {1: "488c8ecfeb49"}),
        (describe_archive, archive.FORMAT, {1: "325124d197e9"}),
        (describe_state, sqlite.FORMAT, {1: "47e65aef6934"}),
        (describe_conversations, conversations.FORMAT, {2: "e89e7fbfcc26"}),
        (describe_feedback, _FEEDBACK_FORMAT, {1: "f7340d32275d"}),
        (describe_manifest, _MANIFEST_FORMAT, {1: "3ec6c43ca2a5"}),
    ],
)
def test_a_stored_format_has_the_fingerprint_of_its_number(describe, number, pinned, tmp_path):
    assert fingerprint_of(describe, tmp_path) == pinned.get(number), (
        f"What `{describe.__name__}` describes has changed, or its number {number} has no fingerprint yet. "
        "CONTRIBUTING.md, section Stored formats, says what belongs to such a change."
    )


def test_every_earlier_schema_of_a_collection_has_a_step():
    assert set(earlier.STEPS) == set(range(1, schema.SCHEMA))


def test_the_upgrade_knows_the_numbers_of_the_drift_files():
    assert {reference.SCHEMA, window.SCHEMA} == {upgrade.DRIFT_FORMAT}


def fingerprint_of(describe: Callable[[Path], list[Any]], folder: Path) -> str:
    return hashlib.sha256(json.dumps(describe(folder)).encode()).hexdigest()[:12]


def fields_of(*kinds: Any) -> list[Any]:
    return [[(field.name, str(field.type)) for field in dataclasses.fields(kind)] for kind in kinds]


def shape_of(value: Any) -> Any:
    """Return the names and types of a stored value, without its content."""
    if isinstance(value, dict):
        return {name: shape_of(it) for name, it in sorted(value.items())}
    return type(value).__name__


def shape_of_archive(path: Path) -> Any:
    with np.load(path) as arrays:
        header = json.loads(str(arrays["header"]))
        return [
            sorted(arrays),
            shape_of(header),
            {name: str(arrays[name].dtype) for name in sorted(arrays) if name != "header"},
        ]
