"""A cross-encoder in this process, on any runtime."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from rag.gate import Gate

Score = Callable[[Sequence[tuple[str, str]]], list[float]]
"""Function from (question, passage) pairs to the model's logits. Not thread-safe."""

_WAITING = 64


class LocalReranker:
    """Runs one model in one thread."""

    batch_size = 8
    """Small, because the time budget is checked only between two batches."""

    def __init__(self, model: str, score: Score, thread: ThreadPoolExecutor) -> None:
        self.model = model
        self._score = score
        self._thread = thread
        self._gate = Gate("reranker", running=1, waiting=_WAITING)

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        pairs = [(question, passage) for passage in passages]
        async with self._gate.enter():
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._score, pairs)


@asynccontextmanager
async def open_local_reranker(model: str, load: Callable[[], Score]) -> AsyncIterator[LocalReranker]:
    """Load the model in its own thread and warm it up."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reranker") as thread:
        loop = asyncio.get_running_loop()
        score = await loop.run_in_executor(thread, load)
        await loop.run_in_executor(thread, score, [("warm", "warm")])
        yield LocalReranker(model, score, thread)
