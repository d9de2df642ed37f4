from collections.abc import AsyncIterator

import pytest

from ingest.settings import Settings
from ingest.sources.factory import build_source
from ingest.sources.files import FileSource
from ingest.sources.json_lines import JsonLinesSource
from ingest.sources.web.crawl import CrawlSource
from ingest.sources.web.fetching import Fetcher, open_fetcher
from ingest.sources.web.page import PageSource
from ingest.sources.web.sitemap import SitemapSource
from rag.errors import InvalidInput
from rag.formats import media_type_of
from tests.support.fetching import fetch_all


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with open_fetcher(Settings()) as opened:
        yield opened


async def test_a_path_and_its_file_url_name_the_same_documents(fetcher, tmp_path):
    path = tmp_path / "my notes.md"
    path.write_text("text")

    sources = [build_source(text, fetcher=fetcher, settings=Settings()) for text in (str(path), path.as_uri())]
    [[by_path], [by_url]] = [await fetch_all(source) for source in sources]

    assert by_path == by_url


async def test_an_http_url_is_a_page_source(fetcher):
    assert isinstance(build_source("https://example.org/a", fetcher=fetcher, settings=Settings()), PageSource)
    assert isinstance(build_source("HTTP://example.org/a", fetcher=fetcher, settings=Settings()), PageSource)


async def test_an_unknown_scheme_is_rejected_with_a_list_of_the_known_ones(fetcher):
    with pytest.raises(InvalidInput, match="gopher: is not a known kind of source; give a path"):
        build_source("gopher://host/key", fetcher=fetcher, settings=Settings())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("crawl:https://example.org/docs/", CrawlSource),
        ("sitemap:https://example.org/map", SitemapSource),
        ("https://example.org/sitemap.xml", SitemapSource),
        ("https://example.org/sitemap-2.xml.gz", SitemapSource),
        ("-", JsonLinesSource),
    ],
)
async def test_the_form_of_the_name_selects_the_kind_of_source(fetcher, text, kind):
    assert isinstance(build_source(text, fetcher=fetcher, settings=Settings()), kind)


async def test_a_file_of_json_lines_is_a_source_of_many_documents(fetcher, tmp_path):
    lines = ['{"_id": "1", "title": "One", "text": "first"}', "", "no json", '{"id": "2", "text": "second"}']
    (tmp_path / "records.jsonl").write_text("\n".join(lines))

    one, broken, two = await fetch_all(
        build_source(str(tmp_path / "records.jsonl"), fetcher=fetcher, settings=Settings())
    )

    assert (one.title, one.body, two.body) == ("One", b"first", b"second")
    assert "3" in broken.uri + broken.reason


async def test_a_file_url_on_another_machine_is_rejected(fetcher):
    with pytest.raises(InvalidInput, match="another machine"):
        build_source("file://server/share/a.md", fetcher=fetcher, settings=Settings())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("file://", "has no path"),
        ("file://[::1", "not a valid URL"),
        ("http://[::1", "not a valid URL"),
        ("http://", "has no host"),
        ("jsonl:/nowhere.jsonl", "no file /nowhere.jsonl"),
        ("~no-such-user/docs", "the home folder of an unknown user"),
        ("a" * 5_000, "File name too long"),
        ("no\0where", "check the spelling"),
    ],
)
async def test_an_invalid_name_is_rejected_with_a_reason(fetcher, text, reason):
    with pytest.raises(InvalidInput, match=reason):
        build_source(text, fetcher=fetcher, settings=Settings())


async def test_a_path_with_a_colon_is_a_path(fetcher, tmp_path):
    (tmp_path / "a:b.md").write_text("text")

    assert isinstance(build_source(str(tmp_path / "a:b.md"), fetcher=fetcher, settings=Settings()), FileSource)


_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "content_type", "expected"),
    [
        ("a.md", "", "text/markdown"),
        ("A.MARKDOWN", "", "text/markdown"),
        ("a.rst", "", "text/x-rst"),
        ("a.TSV", "", "text/csv"),
        ("a.csv", "application/vnd.ms-excel", "text/csv"),
        ("a.ts", "video/mp2t", "text/x-code"),
        ("a.py", "text/plain", "text/x-code"),
        ("a", "application/yaml; charset=utf-8", "text/x-code"),
        ("a", "application/ndjson", "application/x-ndjson"),
        ("a.docm", "", None),
        ("a.htm", "text/plain", "text/html"),
        ("a.md", "text/html; charset=utf-8", "text/html"),
        ("a.bin", "Application/PDF", "application/pdf"),
        ("noname", "text/plain", "text/plain"),
        ("noname", "", None),
        ("a.iso", "application/octet-stream", None),
        ("a.docx", "application/octet-stream", _DOCX),
        ("a.md", "image/gif", None),
    ],
)
def test_a_specific_content_type_outranks_the_suffix(name, content_type, expected):
    assert media_type_of(name, content_type) == expected
