"""A document can crash the process that parses it, but nothing else."""

import asyncio
import sys
from dataclasses import replace

import psutil
import pytest
import pytest_asyncio

from ingest.isolation.pool import ParserCrashed, ParserPool, open_parser_pool
from ingest.settings import ParsingSettings
from rag.errors import InvalidInput
from rag.settings import LocalEmbedderSettings
from rag.types import DocumentId, RawDocument

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

_POISONED = (sys.executable, "-m", "tests.support.fakes.poisoned_parser")
# Far more time than a good document takes on a busy machine.
_LIMITS = ParsingSettings(processes=2, seconds=60, memory_mib=256)


def document(text: str) -> RawDocument:
    return RawDocument(id=DocumentId("a"), uri="file:///a.md", media_type="text/markdown", body=text.encode())


# The tests share a pool, because the start of a parser process takes most of a second.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parsers():
    async with open_parser_pool(_LIMITS, LocalEmbedderSettings(), command=_POISONED) as opened:
        yield opened


async def texts_of(parsers: ParserPool, text: str) -> list[str]:
    return [chunk.text for chunk in await parsers.parse(document(text), version="v1")]


async def test_a_document_becomes_chunks_of_its_version(parsers):
    [chunk] = await parsers.parse(document("# Title\n\nGood."), version="v1")
    assert (chunk.text, chunk.heading_path, chunk.version, chunk.document_id) == ("Good.", ("Title",), "v1", "a")


async def test_the_process_knows_the_declared_charset(parsers):
    [chunk] = await parsers.parse(replace(document("charset"), charset="iso-8859-2"), version="v1")
    assert chunk.text == "It is iso-8859-2."


async def test_poisonous_documents_are_rejected_and_the_next_one_is_parsed(parsers):
    for poison, reason in [
        ("eat", "needs more than 256 MiB of memory"),
        ("abort", "SIGABRT"),
        ("exit", "status 3"),
        ("fail", "RuntimeError"),
    ]:
        with pytest.raises(InvalidInput, match=reason):
            await parsers.parse(document(poison), version="v1")
    assert await texts_of(parsers, "Good.") == ["Good."]


async def test_a_process_that_ended_while_it_was_idle_costs_no_document(parsers):
    await parsers.stop_idle()
    before = set(psutil.Process().children())
    assert await texts_of(parsers, "Good.") == ["Good."]
    [process] = set(psutil.Process().children()) - before
    process.kill()
    assert await texts_of(parsers, "Better.") == ["Better."]


async def test_a_document_that_hangs_is_rejected_after_the_time_limit():
    limits = _LIMITS.model_copy(update={"seconds": 2})
    async with open_parser_pool(limits, LocalEmbedderSettings(), command=_POISONED) as parsers:
        with pytest.raises(InvalidInput, match="took longer than 2 s"):
            await parsers.parse(document("hang"), version="v1")


async def test_warnings_of_a_hostile_process_are_bounded(parsers):
    first, *others = await parsers.parse(document("lie much\n\n# Next\n\nMore."), version="v1")
    assert [chunk.warnings for chunk in others] == [()]
    assert len(first.warnings) == 50
    warning = first.warnings[0]
    assert (len(warning.message), len(warning.place), warning.count) == (300, 300, 10**9)


@pytest.mark.parametrize("kind", ["code", "count", "text"])
async def test_a_result_of_wrong_types_rejects_its_document_alone(parsers, kind):
    with pytest.raises(ParserCrashed, match="not valid"):
        await parsers.parse(document(f"lie {kind}"), version="v1")
    assert await texts_of(parsers, "Good.") == ["Good."]


async def test_a_hostile_process_cannot_write_to_another_document(parsers):
    [chunk] = await parsers.parse(document("lie owner"), version="v1")
    assert (chunk.document_id, chunk.uri) == ("a", "file:///a.md")


async def test_an_empty_document_has_no_chunks(parsers):
    assert await texts_of(parsers, "<!-- nothing -->") == []


async def test_a_bug_in_a_parser_is_reported_with_its_traceback(parsers):
    with pytest.raises(ParserCrashed) as raised:
        await parsers.parse(document("fail"), version="v1")
    assert "a bug" in raised.value.trace


async def test_output_of_a_library_does_not_mix_with_the_results(parsers):
    assert await texts_of(parsers, "shout loudly") == ["shout loudly"]


async def test_a_slow_document_does_not_delay_the_others(parsers):
    slow = asyncio.create_task(parsers.parse(document("hang"), version="v1"))
    for number in range(20):
        assert await texts_of(parsers, f"Number {number}.") == [f"Number {number}."]
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


async def test_a_cancelled_request_frees_its_process(parsers):
    waiting = [asyncio.create_task(parsers.parse(document("hang"), version="v1")) for _ in range(2)]
    await asyncio.sleep(1)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await texts_of(parsers, "Good.") == ["Good."]


async def test_a_closed_pool_leaves_no_process():
    before = set(psutil.Process().children(recursive=True))
    async with open_parser_pool(_LIMITS, LocalEmbedderSettings()) as parsers:
        await parsers.parse(document("Good."), version="v1")
        assert set(psutil.Process().children(recursive=True)) - before
    assert not set(psutil.Process().children(recursive=True)) - before


async def test_a_parser_process_loads_neither_a_model_nor_the_database_nor_an_http_client():
    unused = {"aiohttp", "onnxruntime", "qdrant_edge"}
    program = f"import ingest.isolation.parser_process, sys; print({unused} & set(sys.modules))"
    run = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    output, _ = await run.communicate()
    assert (run.returncode, output) == (0, b"set()\n")
