import json
import time
from collections.abc import Iterator
from typing import Any

import fsspec
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from ingest.settings import Settings, SourceSettings
from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.object_store import ObjectStoreSource
from rag.errors import InvalidInput, Unavailable
from rag.types import RawDocument
from tests.support.fetching import fetch_all
from tests.support.programs import ingest

pytestmark = pytest.mark.slow


def s3(url: str) -> dict[str, str]:
    """Return the environment variables that direct the S3 driver to a server."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch) -> Iterator[Any]:
    """Create an empty bucket called `library`."""
    for name, value in s3(server).items():
        monkeypatch.setenv(name, value)
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    store.mkdir("library")
    yield store
    store.rm("library", recursive=True)


def source(url: str, **options: Any) -> ObjectStoreSource:
    return ObjectStoreSource(url, settings=Settings(max_document_bytes=1_000), **options)


async def uris(url: str, **options: Any) -> list[str]:
    return [result.uri for result in await fetch_all(source(url, **options))]


async def test_the_objects_below_a_prefix_are_documents_in_the_order_of_their_keys(bucket):
    bucket.pipe({f"library/{key}": b"# Text" for key in ("docs/b.md", "docs/a b/c.md", "docs/photo.jpg", "other.md")})

    documents = await fetch_all(source("s3://library/docs"))

    assert [document.uri for document in documents] == ["s3://library/docs/a b/c.md", "s3://library/docs/b.md"]
    assert all(isinstance(document, RawDocument) and document.body == b"# Text" for document in documents)


async def test_a_bucket_and_a_single_object_are_sources_too(bucket):
    bucket.pipe({"library/a.md": b"one", "library/docs/b.md": b"two"})

    assert await uris("s3://library") == ["s3://library/a.md", "s3://library/docs/b.md"]
    assert await uris("s3://library/docs/b.md") == ["s3://library/docs/b.md"]


async def test_a_prefix_is_a_folder_and_not_the_beginning_of_a_name(bucket):
    bucket.pipe({"library/docs/a.md": b"one", "library/docs-old/b.md": b"two"})

    assert await uris("s3://library/docs/") == ["s3://library/docs/a.md"]


async def test_globs_and_ignore_rules_see_the_path_below_the_prefix_and_prune_obeys_them(bucket):
    bucket.pipe({f"library/docs/{key}": b"x" for key in ("a.md", "drafts/b.md", "deep/c.txt", ".hidden/d.md")})

    assert await uris("s3://library/docs/**/*.md", ignore=["drafts/"]) == ["s3://library/docs/a.md"]
    everything = source("s3://library/docs", ignore=["drafts/"])
    assert everything.covers("s3://library/docs/deep/gone.md")
    assert not everything.covers("s3://library/docs/drafts/gone.md")
    assert not everything.covers("s3://library/docs-old/gone.md")


async def test_an_object_that_has_not_changed_is_not_downloaded_again(bucket):
    bucket.pipe({"library/a.md": b"one"})
    [first] = await fetch_all(source("s3://library"))

    assert isinstance(first, RawDocument)
    [unit] = [unit async for unit in source("s3://library").find()]
    bucket.rm("library/a.md")
    assert isinstance(unit, Unit)
    assert isinstance(await unit.fetch(first.validator), Unmodified)
    with pytest.raises(InvalidInput, match="the object, prefix or bucket does not exist"):
        await unit.fetch("")
    bucket.pipe({"library/a.md": b"two"})
    assert isinstance((await fetch_all(source("s3://library"), first.validator))[0], RawDocument)


def test_the_command_line_ingests_a_bucket_and_prunes_deleted_objects(bucket, server, data_dir):
    bucket.pipe({"library/a.md": b"# A\n\nFirst.", "library/b.md": b"# B\n\nSecond.", "library/old/c.md": b"# C"})
    command = ("run", "s3://library", "--ignore", "old/", "--prune", "--json")
    first = json.loads(ingest(*command, data_dir=data_dir, **s3(server)).stdout)
    bucket.rm("library/b.md")
    second = json.loads(ingest(*command, data_dir=data_dir, **s3(server)).stdout)

    assert (first["new"], first["rejected"]) == (2, [])
    assert (second["unchanged"], second["removed"], second["rejected"]) == (1, 1, [])


@pytest.mark.usefixtures("bucket")
async def test_a_listing_of_several_pages_is_complete():
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for number in range(1_001):
        backend.put_object("library", f"{number:04}.md", b"x")

    assert len([unit async for unit in source("s3://library").find()]) == 1_001


async def test_objects_that_are_too_large_or_empty_do_not_stop_the_others(bucket):
    bucket.pipe({"library/a.md": b"x" * 1_001, "library/b.md": b"", "library/c.md": b"x" * 1_000})

    large, empty, exact = await fetch_all(source("s3://library"))

    assert large == Rejection(
        uri="s3://library/a.md", reason="larger than the limit of 1,000 bytes (RAG_MAX_DOCUMENT_BYTES)"
    )
    assert (empty.body, len(exact.body)) == (b"", 1_000)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("url", ["s3://library/nothing", "s3://no-such-bucket/docs"])
async def test_a_missing_prefix_is_one_rejection(url):
    [rejection] = await fetch_all(source(url))

    assert rejection == Rejection(uri=url, reason="the object, prefix or bucket does not exist")


async def test_an_unreachable_store_is_one_rejection_of_one_line(monkeypatch):
    for name, value in s3("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    began = time.monotonic()

    [rejection] = await fetch_all(source("s3://library/docs"))

    assert rejection.reason.startswith("cannot be reached: Could not connect to the endpoint URL")
    assert "\n" not in rejection.reason
    assert time.monotonic() - began < 60


async def test_a_store_that_becomes_unreachable_after_the_listing_raises_unavailable(bucket, monkeypatch):
    bucket.pipe({"library/a.md": b"one"})
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    [unit] = [unit async for unit in source("s3://library").find()]
    running.stop()

    assert isinstance(unit, Unit)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await unit.fetch("")


async def test_any_other_fsspec_store_is_listed_folder_by_folder():
    store = fsspec.filesystem("memory")
    store.pipe({f"/shelf/{key}": b"x" for key in ("b.md", "a/c.md", "node_modules/d.md")})

    assert await uris("memory://shelf") == ["memory://shelf/b.md", "memory://shelf/a/c.md"]
    assert await uris("memory://shelf", ignore=["a/"]) == ["memory://shelf/b.md"]


def test_the_error_for_a_missing_driver_names_it():
    with pytest.raises(InvalidInput, match=r"gs: needs a driver that is not installed: .*gcsfs"):
        source("gs://bucket/docs")


@pytest.mark.parametrize("url", ["ftp://10.0.0.1/docs", "sftp://host/docs", "webhdfs://host/docs", "local:///etc"])
def test_a_url_that_names_its_own_server_is_rejected_unless_private_addresses_are_allowed(url):
    with pytest.raises(InvalidInput, match="RAG_SOURCES__ALLOW_PRIVATE"):
        source(url)
    allowed = Settings(sources=SourceSettings(allow_private=True))
    assert ObjectStoreSource("ftp://10.0.0.1/docs", settings=allowed)


@pytest.mark.parametrize("url", ["simplecache::http://169.254.169.254/latest", "zip://a.md::s3://library/a.zip"])
def test_a_chain_of_urls_cannot_bypass_the_rejection(url):
    with pytest.raises(InvalidInput, match="chain of URLs"):
        ObjectStoreSource(url, settings=Settings(sources=SourceSettings(allow_private=True)))


async def test_a_folder_that_cannot_be_listed_hides_only_what_is_below_it(monkeypatch):
    store = fsspec.filesystem("memory")
    store.pipe({f"/rack/{key}": b"x" for key in ("a.md", "closed/b.md", "open/c.md", "photo.jpg")})
    listing = type(store).ls

    def ls(self, path, **options):
        if path.strip("/").endswith("closed"):
            raise PermissionError("no right to list")
        return listing(self, path, **options)

    monkeypatch.setattr(type(store), "ls", ls)
    shelf = source("memory://rack")

    results = await fetch_all(shelf)

    assert [result.uri for result in results] == [
        "memory://rack/a.md",
        "memory://rack/closed",
        "memory://rack/open/c.md",
    ]
    gone = {
        name: await shelf.is_gone(f"memory://rack/{name}") for name in ("closed/b.md", "closed/d/e.md", "open/f.md")
    }
    assert gone == {"closed/b.md": False, "closed/d/e.md": False, "open/f.md": True}
    assert shelf.notes.passed_over[".jpg"].names == ["memory://rack/photo.jpg"]
