"""Every parser against files that were collected because they break parsers."""

import os
import time
from pathlib import Path

import pytest

from rag.errors import InvalidInput
from rag.types import MediaType
from tests.ingest.parsing.documents import parsed

_DATA = os.environ.get("RAG_TEST_DATA", "")
_NASTY = Path(_DATA) / "nasty"
_MEDIA_TYPES: dict[str, list[MediaType]] = {
    "pdf": ["application/pdf"],
    "html": ["text/html"],
    "strings": ["text/plain", "text/markdown", "text/html"],
}
_CASES = [
    pytest.param(path, media_type, id=f"{path.name}-{media_type}")
    for folder, media_types in _MEDIA_TYPES.items()
    for path in sorted((_NASTY / folder).glob("*"))
    for media_type in media_types
]

pytestmark = pytest.mark.skipif(
    not (_DATA and _NASTY.is_dir()), reason="RAG_TEST_DATA names no folder with nasty/ in it"
)


@pytest.mark.parametrize(("path", "media_type"), _CASES)
def test_a_nasty_file_is_parsed_or_refused_in_reasonable_time(path, media_type):
    began = time.perf_counter()
    try:
        document = parsed(path.read_bytes(), media_type, name=path.name)
    except InvalidInput as error:
        assert str(error)
        assert "\n" not in str(error)
    else:
        assert document.title
        assert all(section.text.strip() for section in document.sections)
    assert time.perf_counter() - began < 5
