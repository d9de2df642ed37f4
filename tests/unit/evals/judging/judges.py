"""Judges of known quality behind the port of a model, and labelled answers for them."""

import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import HttpUrl

from rag.http import open_session
from rag.settings import TimeoutSettings
from service.judging.factory import build_judge
from service.judging.model import ModelJudge
from service.settings import JudgeSettings
from tests.support.fakes.servers import Handler, JudgeServer, serve, verdict

_FIRST = re.compile(r"-+ first answer\n(.*?)\n-+ second answer\n(.*?)\n-+\n", re.DOTALL)


@asynccontextmanager
async def judge_behind(handler: Handler, model: str = "fake") -> AsyncIterator[ModelJudge]:
    async with (
        serve("/v1/chat/completions", handler) as url,
        open_session(TimeoutSettings(connect=60, read=60)) as session,
    ):
        settings = JudgeSettings(url=HttpUrl(f"{url}/v1"), model=model, concurrency=4)
        yield build_judge(settings, session)


def perfect() -> JudgeServer:
    """Return a judge that always agrees with the labels below."""

    def decide(prompt: str) -> str:
        if pair := _FIRST.search(prompt):
            return verdict(_better("good" in pair[1], "good" in pair[2]))
        return verdict("unfaithful" if "invented" in prompt else "faithful")

    return JudgeServer(decide)


def coin() -> JudgeServer:
    """Return a judge with random labels, seeded by the question because the order of calls varies."""
    return JudgeServer(lambda prompt: verdict(random.Random(prompt).choice(_labels(prompt))))


def biased_to_the_first() -> JudgeServer:
    return JudgeServer(lambda prompt: verdict(_labels(prompt)[0]))


def halueval(folder: Path, count: int = 120) -> Path:
    lines = [
        {
            "user_query": f"Question {number}?",
            "chatgpt_response": f"Answer {number}, {'invented' if number % 3 == 0 else 'true'}.",
            "hallucination": "yes" if number % 3 == 0 else "no",
        }
        for number in range(count)
    ]
    (folder / "general_data.json").write_text("\n".join(map(json.dumps, lines)))
    return folder


def ragchecker(folder: Path, count: int = 60) -> Path:
    """Write pairs with two raters who agree. The better answer contains the word `good`."""
    entries = [
        {
            "query": f"Question {number}?",
            "gt_answer": "The right answer.",
            "model1": {"response": f"A {'good' if label <= 0 else 'poor'} answer, {number}."},
            "model2": {"response": f"Another {'good' if label >= 0 else 'poor'} answer, {number}."},
            "completeness_label": label,
            "overall_label": label,
        }
        for number in range(count)
        for label in [(-2, 0, 1)[number % 3]] * 2
    ]
    (folder / "human_labeled_data.json").write_text(json.dumps(entries))
    return folder


def _better(first: bool, second: bool) -> str:
    if first == second:
        return "tie"
    return "first" if first else "second"


def _labels(prompt: str) -> list[str]:
    return ["first", "second", "tie"] if _FIRST.search(prompt) else ["faithful", "unfaithful"]
