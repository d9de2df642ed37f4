"""A sentence-transformers model in this process, whichever runtime computes it."""

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
"""Texts to an array of shape (texts, dimension), each row of norm 1. Not thread-safe."""

_WAITING = 128
# What a question may spend of the two seconds to its first text: under the load that makes it wait, all that follows
# takes long too. Passages wait as long as it takes.
_PATIENCE_SECONDS = 0.5
# One computes and one waits at its door, so that the model never waits for the event loop.
_CALLS = 2


class LocalEmbedder:
    """One model and one thread: tokenizers are not thread-safe, and a second thread would not be faster."""

    def __init__(
        self, identity: EmbedderIdentity, encode: Encode, thread: ThreadPoolExecutor, *, batch_size: int
    ) -> None:
        self._identity = identity
        self._encode = encode
        self._thread = thread
        self._batch_size = batch_size
        self._gate = Gate("embedder", running=1, waiting=_WAITING)

    @property
    def identity(self) -> EmbedderIdentity:
        return self._identity

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @property
    def concurrency(self) -> int:
        return _CALLS

    async def embed_query(self, text: str) -> Vector:
        [vector] = await self._embed([text], patience=_PATIENCE_SECONDS)
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        # Texts of like length share a batch, so that little is padded.
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors: dict[int, Vector] = {}
        for start in range(0, len(by_length), self._batch_size):
            batch = by_length[start : start + self._batch_size]
            vectors.update(zip(batch, await self._embed([texts[index] for index in batch]), strict=True))
        return [vectors[index] for index in range(len(texts))]

    async def _embed(self, texts: Sequence[str], *, patience: float = math.inf) -> list[Vector]:
        asked = time.perf_counter()
        async with self._gate.enter(patience=patience):
            EMBED_QUEUE.observe(time.perf_counter() - asked)
            return list(await asyncio.get_running_loop().run_in_executor(self._thread, self._encode, texts))


@asynccontextmanager
async def open_local_embedder(
    model: str, digest: str, load: Callable[[], Encode], *, batch_size: int, dimension: int | None = None
) -> AsyncIterator[LocalEmbedder]:
    """Loads the model in its own thread, warms it up and reads its dimension off the first vector.

    Where the dimension is known, the model is loaded with the first text, or never.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder") as thread:
        encode = _loaded_with_the_first_text(load)
        if dimension is None:
            warm = await asyncio.get_running_loop().run_in_executor(thread, encode, ["warm"])
            dimension = warm.shape[1]
        identity = EmbedderIdentity(model=model, dimension=dimension, digest=digest)
        yield LocalEmbedder(identity, encode, thread, batch_size=batch_size)


def _loaded_with_the_first_text(load: Callable[[], Encode]) -> Encode:
    loaded = cache(load)

    def encode(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return loaded()(texts)

    return encode
