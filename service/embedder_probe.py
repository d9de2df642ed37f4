"""A probe of the embedding server for `/readyz`, because no question can be answered without it."""

import asyncio
import time

from rag.embedding.base import Embedder
from rag.errors import GroundworkError, Overloaded

OK = "ok"
# Several probes may call each second, and each call of the embedding server costs money or computing time.
_REMEMBERED_SECONDS = 5.0
# Shorter than the usual timeout of a probe.
_PATIENCE_SECONDS = 2.0


class EmbedderProbe:
    """Embeds a word and remembers for a while whether that worked."""

    def __init__(self, embedder: Embedder, *, is_server: bool) -> None:
        """`is_server` is False for a model in this process, which was loaded before the start."""
        self._embedder = embedder
        self._is_server = is_server
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._state = OK

    async def state(self) -> str:
        """Return `OK` or what is wrong."""
        async with self._lock:
            if self._is_server and time.monotonic() - self._asked_at > _REMEMBERED_SECONDS:
                self._state = await self._ask()
                self._asked_at = time.monotonic()
            return self._state

    async def _ask(self) -> str:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._embedder.embed_query("ready")
        except Overloaded:
            return OK  # It answers, and will have time later.
        except TimeoutError:
            return f"The embedder did not answer within {_PATIENCE_SECONDS:g} s."
        except GroundworkError as error:
            return str(error)
        return OK
