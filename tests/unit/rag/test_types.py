"""The digest of a raw document identifies everything that its chunks are made from."""

from dataclasses import replace

import pytest

from rag.types import DocumentId, RawDocument

DOCUMENT = RawDocument(id=DocumentId("a"), uri="u", media_type="text/plain", body=b"text", metadata={"team": "ops"})


@pytest.mark.parametrize(
    "change",
    [{"body": b"Text"}, {"title": "t"}, {"media_type": "text/markdown"}, {"metadata": {}}, {"charset": "utf-8"}],
)
def test_another_content_has_another_digest(change):
    assert replace(DOCUMENT, **change).digest() != DOCUMENT.digest()


def test_a_document_without_a_charset_has_the_digest_of_earlier_versions():
    assert DOCUMENT.digest() == "2db5270e4f05f9ad2f3e0729d3909f9009069dd9512a36725000f4d10c06dc6b"
