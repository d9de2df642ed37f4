"""A sentence-transformers model in this process, for either runtime."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache

import numpy as np
import numpy.typing as npt

from rag.gate import Gate
from rag.metrics import EMBED_QUEUE
from rag.types import EmbedderIdentity, Vector

Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""A function from texts to an array of shape (texts, dimension) with rows of norm 1. Not thread-safe."""

_MAX_WAITING = 128
# A question has two seconds until its first text, and under load the later stages are slow too.
# Passages of documents wait without a limit.
_MAX_QUESTION_WAIT_SECONDS = 0.5
# One call computes and the next one waits at the gate, so the model never waits for the event loop.
_CALLS = 2


class LocalEmbedder:
    """One model in one thread: tokenizers are not thread-safe, and a second thread would not be faster."""

    def __init__(
        self, identity: EmbedderIdentity, encode: Encode, thread: ThreadPoolExecutor, *, batch_size: int
    ) -> None:
        self.identity = identity
        self._encode = encode
        self._thread = thread
        self.batch_size = batch_size
        self.concurrency = _CALLS
        self._gate = Gate("embedder", running=1, waiting=_MAX_WAITING)

    async def embed_query(self, text: str) -> Vector:
        [vector] = await self._embed([text], max_wait=_MAX_QUESTION_WAIT_SECONDS)
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        # Texts of similar length share a batch, because each text is padded to the longest one.
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors: dict[int, Vector] = {}
        for start in range(0, len(by_length), self.batch_size):
            batch = by_length[start : start + self.batch_size]
            vectors.update(zip(batch, await self._embed([texts[index] for index in batch]), strict=True))
        return [vectors[index] for index in range(len(texts))]

    async def _embed(self, texts: Sequence[str], *, max_wait: float = math.inf) -> list[Vector]:
        arrived = time.perf_counter()
        async with self._gate.enter(max_wait=max_wait):
            EMBED_QUEUE.observe(time.perf_counter() - arrived)
            return list(await asyncio.get_running_loop().run_in_executor(self._thread, self._encode, texts))


@asynccontextmanager
async def open_local_embedder(
    model: str, digest: str, load: Callable[[], Encode], *, batch_size: int, dimension: int | None = None
) -> AsyncIterator[LocalEmbedder]:
    """Load the model in its own thread: at once, to learn its dimension, or if that is known, with the first text."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder") as thread:
        encode = _load_with_first_text(load)
        if dimension is None:
            warm = await asyncio.get_running_loop().run_in_executor(thread, encode, ["warm"])
            dimension = warm.shape[1]
        identity = EmbedderIdentity(model=model, dimension=dimension, digest=digest)
        yield LocalEmbedder(identity, encode, thread, batch_size=batch_size)


def _load_with_first_text(load: Callable[[], Encode]) -> Encode:
    loaded = cache(load)

    def encode(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return loaded()(texts)

    return encode
