"""Judges many inputs with bounded concurrency."""

import asyncio
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import Progress

from rag.errors import BadResponse
from rag.tasks import open_task_group
from service.judging.base import Judge, Verdict
from service.prompting.base import PromptTemplate


async def judge_all(
    judge: Judge, rubric: PromptTemplate, inputs: Sequence[Mapping[str, str]], *, concurrency: int
) -> list[Verdict | None]:
    """Return verdicts in the order of the inputs, None without one. Raise `Unavailable` if the judge stays down."""
    slots = asyncio.Semaphore(concurrency)
    with Progress(transient=True, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{judge.name} {rubric.version}", total=len(inputs))

        async def judge_one(values: Mapping[str, str]) -> Verdict | None:
            async with slots:
                try:
                    return await judge.judge(rubric, values)
                except (
                    BadResponse
                ):  # An unreadable verdict, or an input that the server rejects, for example because of its length.
                    return None
                finally:
                    progress.advance(task)

        async with open_task_group() as group:
            tasks = [group.create_task(judge_one(values)) for values in inputs]
    return [task.result() for task in tasks]
