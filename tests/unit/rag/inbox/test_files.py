"""The content of an inbox entry, which entries of older versions and both inboxes share."""

import json
from dataclasses import replace

import pytest

from rag.errors import IndexMismatch
from rag.inbox.base import Removal, Upload
from rag.inbox.folder.files import to_content, to_job
from rag.types import DocumentId, RawDocument, Scope

SCOPE = Scope(tenant="acme")
DOCUMENT = RawDocument(
    id=DocumentId("guide.md"),
    uri="upload:guide.md",
    media_type="text/markdown",
    body=b"# Guide\nline two",
    title="Guide",
    validator="etag",
    metadata={"team": "ops"},
    charset="iso-8859-2",
)
JOBS = [
    Upload(scope=SCOPE, document=DOCUMENT, traceparent="00-a-b-01", digest="0a1b"),
    Removal(scope=SCOPE, document_id=DOCUMENT.id),
]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_read_back_as_it_was_written(job):
    assert to_job(to_content(job)) == job


def test_the_format_of_an_upload_does_not_change():
    header, _, body = to_content(JOBS[0]).partition(b"\n")
    assert json.loads(header) == {
        "format": 3,
        "tenant": "acme",
        "document_id": "guide.md",
        "kind": "upload",
        "uri": "upload:guide.md",
        "media_type": "text/markdown",
        "title": "Guide",
        "validator": "etag",
        "metadata": {"team": "ops"},
        "charset": "iso-8859-2",
        "traceparent": "00-a-b-01",
        "digest": "0a1b",
    }
    assert body == DOCUMENT.body


def test_an_entry_from_before_metadata_and_traces_is_read():
    header = {"tenant": "acme", "document_id": "a", "kind": "upload", "uri": "u", "media_type": "text/plain"}
    content = json.dumps(header | {"title": "", "validator": ""}).encode() + b"\ntext"
    document = RawDocument(id=DocumentId("a"), uri="u", media_type="text/plain", body=b"text")
    assert to_job(content) == Upload(scope=SCOPE, document=document)


def test_an_entry_of_format_2_has_no_charset():
    upload = Upload(scope=SCOPE, document=replace(DOCUMENT, charset=""))
    line, _, body = to_content(upload, format=2).partition(b"\n")
    header = json.loads(line)
    del header["charset"]
    assert to_job(json.dumps(header).encode() + b"\n" + body) == upload


def test_an_entry_of_a_newer_version_is_refused():
    with pytest.raises(IndexMismatch, match="This program is older than its data: the entry has format 4"):
        to_job(to_content(JOBS[0], format=4))


@pytest.mark.parametrize(
    "content",
    [b"", b"no json\n", b"7\n", b'{"tenant": "acme"}\n', b'{"tenant": "a", "document_id": "d", "kind": "upload"}\nx'],
)
def test_a_damaged_entry_is_an_error(content):
    with pytest.raises((ValueError, KeyError)):
        to_job(content)
