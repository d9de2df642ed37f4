"""Metrics of a model's stream: first chunk, gaps, time per token and outcome."""

import asyncio
import time
from contextlib import aclosing, suppress

import pytest
from prometheus_client import REGISTRY

from rag.errors import BadResponse, Overloaded
from service.generation.base import Prompt, Usage
from service.generation.measured import MeasuredGenerator
from service.metrics import (
    GENERATIONS,
    GENERATOR_TIME_TO_FIRST_TOKEN,
    INTER_TOKEN_LATENCY,
    TIME_PER_OUTPUT_TOKEN,
)

PROMPT = Prompt(system="", user="")


class ScriptedGenerator:
    """A generator that yields its pieces 20 ms apart, then raises `error` if it is given."""

    model = "scripted"

    def __init__(self, *pieces: str | Usage, error: Exception | None = None) -> None:
        self._pieces = pieces
        self._error = error

    async def generate(self, _: Prompt):
        for piece in self._pieces:
            await asyncio.sleep(0.02)
            yield piece
        if self._error:
            raise self._error


def counted() -> dict[str, float]:
    samples = [
        sample
        for metric in (GENERATIONS, GENERATOR_TIME_TO_FIRST_TOKEN, INTER_TOKEN_LATENCY, TIME_PER_OUTPUT_TOKEN)
        for family in metric.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    return {sample.labels.get("outcome", sample.name): sample.value for sample in samples}


async def growth_during(generator: ScriptedGenerator, *, pieces: int | None = None) -> dict[str, float]:
    """Return the growth of each metric while the first `pieces`, or all, are read."""
    before, heard = counted(), 0
    async with aclosing(MeasuredGenerator(generator).generate(PROMPT)) as stream:
        with suppress(BadResponse, Overloaded):
            async for _ in stream:
                heard += 1
                if heard == pieces:
                    break
    return {name: value - before[name] for name, value in counted().items() if value != before[name]}


async def test_every_gap_between_chunks_is_observed():
    began = time.perf_counter()
    grown = await growth_during(ScriptedGenerator("a", "b", "c", "d"))
    assert grown["rag_inter_token_latency_seconds_count"] == 3
    # The time before the first chunk is not a gap.
    assert 0.06 <= grown["rag_inter_token_latency_seconds_sum"] <= time.perf_counter() - began - 0.02
    assert grown["rag_generator_time_to_first_token_seconds_count"] == 1
    assert grown["rag_time_per_output_token_seconds_count"] == 1
    assert grown["rag_time_per_output_token_seconds_sum"] == pytest.approx(
        grown["rag_inter_token_latency_seconds_sum"] / 3
    )
    assert grown["ok"] == 1


@pytest.mark.parametrize(("error", "outcome"), [(BadResponse("broken"), "failed"), (Overloaded("full"), "overloaded")])
async def test_a_failed_stream_is_counted_by_its_outcome(error, outcome):
    grown = await growth_during(ScriptedGenerator("a", "b", error=error))
    assert grown[outcome] == 1
    assert "rag_time_per_output_token_seconds_count" not in grown


async def test_an_abandoned_stream_is_neither_a_success_nor_a_failure():
    grown = await growth_during(ScriptedGenerator("a", "b", "c"), pieces=1)
    assert {name for name in grown if not name.startswith("rag_")} == {"left"}


async def test_the_tokens_of_each_call_are_counted_whatever_the_call_is_for():
    def tokens(kind: str) -> float:
        return REGISTRY.get_sample_value("rag_tokens_total", {"kind": kind, "model": "scripted"}) or 0

    before = tokens("prompt"), tokens("completion")
    await growth_during(ScriptedGenerator("a", Usage(prompt_tokens=100, completion_tokens=10)))
    assert (tokens("prompt") - before[0], tokens("completion") - before[1]) == (100, 10)
