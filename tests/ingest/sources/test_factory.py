from collections.abc import AsyncIterator

import aiohttp
import pytest

from ingest.sources.factory import build_source
from ingest.sources.files import FileSource
from ingest.sources.web import WebSource
from rag.errors import InvalidInput
from rag.media import media_type_of


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_a_path_and_its_file_url_name_the_same_documents(session, tmp_path):
    path = tmp_path / "my notes.md"
    path.write_text("text")

    sources = [build_source(text, session=session, max_bytes=100) for text in (str(path), path.as_uri())]
    [[by_path], [by_url]] = [[unit async for unit in source.read()] for source in sources]

    assert by_path == by_url


async def test_an_http_url_is_fetched(session):
    assert isinstance(build_source("https://example.org/a", session=session, max_bytes=1), WebSource)
    assert isinstance(build_source("HTTP://example.org/a", session=session, max_bytes=1), WebSource)


async def test_an_unknown_scheme_is_refused_and_the_known_ones_are_named(session):
    with pytest.raises(InvalidInput, match="s3: is no known kind of source; give a path, or a file:, http: or https:"):
        build_source("s3://bucket/key", session=session, max_bytes=1)


async def test_a_file_url_on_another_machine_is_refused(session):
    with pytest.raises(InvalidInput, match="another machine"):
        build_source("file://server/share/a.md", session=session, max_bytes=1)


async def test_a_path_with_a_colon_is_a_path(session, tmp_path):
    (tmp_path / "a:b.md").write_text("text")

    assert isinstance(build_source(str(tmp_path / "a:b.md"), session=session, max_bytes=1), FileSource)


@pytest.mark.parametrize(
    ("name", "content_type", "expected"),
    [
        ("a.md", "", "text/markdown"),
        ("A.MARKDOWN", "", "text/markdown"),
        ("a.rst", "", "text/plain"),
        ("a.htm", "text/plain", "text/html"),
        ("a.md", "text/html; charset=utf-8", "text/html"),
        ("a.bin", "Application/PDF", "application/pdf"),
        ("noname", "text/plain", "text/plain"),
        ("noname", "", None),
        ("a.docx", "application/octet-stream", None),
        ("a.md", "image/png", None),
    ],
)
def test_a_content_type_that_says_something_outranks_the_suffix(name, content_type, expected):
    assert media_type_of(name, content_type) == expected
