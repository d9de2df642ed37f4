"""Shared batches: their order, their failures, and documents that are cancelled meanwhile."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from ingest.pipeline.batching import open_batcher
from rag.errors import AccessRefused, BadResponse, InvalidInput
from rag.types import Vector
from tests.support.contracts.store import EMBEDDER


class LengthEmbedder:
    """Returns the length of each text. It refuses the text "refused", and has a defect with the text "defect"."""

    identity = EMBEDDER
    batch_size = 4
    concurrency = 1

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.has_begun = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        self.batches.append(list(texts))
        self.has_begun.set()
        await self.may_answer.wait()
        if "defect" in texts:
            raise ZeroDivisionError
        if "refused" in texts:
            raise BadResponse("The embedder refuses a text.")
        return [np.array([len(text)]) for text in texts]

    async def embed_query(self, text: str) -> Vector:
        raise NotImplementedError  # ingestion embeds no questions


async def test_a_batch_holds_the_oldest_passage_and_those_of_similar_length():
    embedder = LengthEmbedder()
    async with open_batcher(embedder) as batcher:
        vectors = await batcher.embed(["5" * 5, "1", "4" * 4, "9" * 9, "6" * 6, "7" * 7])
    assert [int(vector[0]) for vector in vectors] == [5, 1, 4, 9, 6, 7]
    assert [sorted(map(len, batch)) for batch in embedder.batches] == [[4, 5, 6, 7], [1, 9]]


async def test_a_refused_passage_fails_only_its_own_document():
    embedder = LengthEmbedder()
    async with open_batcher(embedder) as batcher:
        good, bad = await asyncio.gather(batcher.embed(["good"]), batcher.embed(["refused"]), return_exceptions=True)
        assert [int(vector[0]) for vector in good] == [4]
        assert isinstance(bad, InvalidInput)
        [probe] = embedder.batches[1]
        assert embedder.batches == [["good", "refused"], [probe], ["good"], ["refused"], [probe]]
        assert len(await batcher.embed(["later"])) == 1


@pytest.mark.parametrize("error", [BadResponse, AccessRefused])
async def test_an_embedder_that_refuses_every_text_fails_the_batch_with_its_own_error(error):
    class Refusing(LengthEmbedder):
        async def embed_passages(self, texts):
            self.batches.append(list(texts))
            raise error("The embedder refuses every text.")

    async with open_batcher(embedder := Refusing()) as batcher:
        failed = await asyncio.gather(*(batcher.embed([text]) for text in "abc"), return_exceptions=True)
    assert [type(it) for it in failed] == [error] * 3
    assert len(embedder.batches) <= 2, "the batch, and one harmless text"


async def test_a_defect_of_the_embedder_fails_the_whole_batch_at_once():
    embedder = LengthEmbedder()
    async with open_batcher(embedder) as batcher:
        failed = await asyncio.gather(batcher.embed(["good"]), batcher.embed(["defect"]), return_exceptions=True)
        assert [type(error) for error in failed] == [ZeroDivisionError] * 2
        assert embedder.batches == [["good", "defect"]]


@pytest.mark.parametrize("text", ["good", "refused"])
async def test_a_cancelled_document_does_not_stop_the_batches_of_other_documents(text):
    embedder = LengthEmbedder()
    async with open_batcher(embedder) as batcher:
        embedder.may_answer.clear()
        cancelled = asyncio.create_task(batcher.embed([text]))
        await embedder.has_begun.wait()
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        embedder.may_answer.set()
        assert len(await batcher.embed(["later"])) == 1
