"""Readiness includes the embedding server, which is asked rarely."""

import asyncio

import pytest

from rag.errors import AccessRefused, Overloaded, TimedOut, Unavailable
from service.embedder_probe import OK, EmbedderProbe


class AskedEmbedder:
    """Counts the questions, and answers each one with the given error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked = 0

    async def embed_query(self, _: str) -> list[float]:
        self.asked += 1
        if self.error:
            raise self.error
        return [1.0]


@pytest.mark.parametrize("error", [Unavailable("It is away."), TimedOut("It is late."), AccessRefused("Wrong key.")])
async def test_a_server_that_cannot_embed_a_question_is_not_ready(error):
    assert await EmbedderProbe(AskedEmbedder(error), is_server=True).state() == str(error)


@pytest.mark.parametrize("error", [None, Overloaded("It has no time now.")])
async def test_a_server_that_answers_is_ready(error):
    assert await EmbedderProbe(AskedEmbedder(error), is_server=True).state() == OK


async def test_many_probes_ask_the_server_once():
    embedder = AskedEmbedder()
    probe = EmbedderProbe(embedder, is_server=True)
    assert await asyncio.gather(*(probe.state() for _ in range(20))) == [OK] * 20
    assert embedder.asked == 1


async def test_a_model_in_this_process_is_not_asked():
    embedder = AskedEmbedder(Unavailable("It is away."))
    assert await EmbedderProbe(embedder, is_server=False).state() == OK
    assert embedder.asked == 0
