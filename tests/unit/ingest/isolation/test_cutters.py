"""A document may break the process that parses it, and nothing else."""

import asyncio
import subprocess
import sys

import psutil
import pytest

from ingest.isolation.cutters import BrokeParser, Cutters, open_cutters
from ingest.settings import ParsingSettings
from rag.errors import InvalidInput
from rag.settings import LocalEmbedderSettings
from rag.types import DocumentId, RawDocument

pytestmark = pytest.mark.slow

_POISONED = (sys.executable, "-m", "tests.support.fakes.poisoned_parser")
# Far more seconds than a good document takes where others keep the machine busy.
_LIMITS = ParsingSettings(processes=2, seconds=60, memory_mib=256)


def document(text: str) -> RawDocument:
    return RawDocument(id=DocumentId("a"), uri="file:///a.md", media_type="text/markdown", body=text.encode())


@pytest.fixture
async def cutters():
    async with open_cutters(_LIMITS, LocalEmbedderSettings(), command=_POISONED) as opened:
        yield opened


async def texts_of(cutters: Cutters, text: str) -> list[str]:
    return [chunk.text for chunk in await cutters.cut(document(text), version="v1")]


async def test_a_document_comes_back_as_chunks_of_its_version(cutters):
    [chunk] = await cutters.cut(document("# Title\n\nGood."), version="v1")
    assert (chunk.text, chunk.heading_path, chunk.version, chunk.document_id) == ("Good.", ("Title",), "v1", "a")


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ("eat", "needs more than 256 MiB to read"),
        ("abort", "SIGABRT"),
        ("exit", "status 3"),
        ("fail", "RuntimeError"),
    ],
)
async def test_poison_costs_one_document_and_no_other(cutters, poison, reason):
    with pytest.raises(InvalidInput, match=reason):
        await cutters.cut(document(poison), version="v1")
    assert await texts_of(cutters, "Good.") == ["Good."]


async def test_a_document_that_hangs_is_given_up_after_its_seconds():
    limits = _LIMITS.model_copy(update={"seconds": 2})
    async with open_cutters(limits, LocalEmbedderSettings(), command=_POISONED) as cutters:
        with pytest.raises(InvalidInput, match="took longer than 2 s to read"):
            await cutters.cut(document("hang"), version="v1")


async def test_a_bug_keeps_its_traceback(cutters):
    with pytest.raises(BrokeParser) as raised:
        await cutters.cut(document("fail"), version="v1")
    assert "a bug" in raised.value.trace


async def test_what_a_library_prints_does_not_get_between(cutters):
    assert await texts_of(cutters, "shout loudly") == ["shout loudly"]


async def test_a_slow_document_does_not_stop_the_others(cutters):
    slow = asyncio.create_task(cutters.cut(document("hang"), version="v1"))
    for number in range(20):
        assert await texts_of(cutters, f"Number {number}.") == [f"Number {number}."]
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


async def test_who_gives_up_frees_the_place(cutters):
    waiting = [asyncio.create_task(cutters.cut(document("hang"), version="v1")) for _ in range(2)]
    await asyncio.sleep(1)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await texts_of(cutters, "Good.") == ["Good."]


async def test_closing_leaves_no_process():
    before = set(psutil.Process().children(recursive=True))
    async with open_cutters(_LIMITS, LocalEmbedderSettings()) as cutters:
        await cutters.cut(document("Good."), version="v1")
        assert set(psutil.Process().children(recursive=True)) - before
    assert not set(psutil.Process().children(recursive=True)) - before


def test_the_parsing_process_loads_no_model_and_no_database():
    program = "import ingest.isolation.child, sys; print({'onnxruntime', 'qdrant_edge'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
