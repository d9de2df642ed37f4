"""`python -m ingest run --watch SECONDS`: looks again and again, and works only where something differs."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ingest.commands.report import Summary
from ingest.commands.run import run
from ingest.pipeline.pipeline import fetch_if_changed, stored_documents, version_of
from ingest.settings import Settings
from ingest.sources.base import Rejection, Source, Unit
from ingest.sources.factory import build_source
from ingest.sources.web.fetching import open_fetcher
from rag.errors import InvalidInput, Locked, Unavailable
from rag.store.base import Catalogue
from rag.store.factory import build_backend
from rag.types import FIRST_CHUNKS, Chunk, DocumentId, Scope

_LOOKED_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is watched, for whom, and how often."""

    sources: Sequence[str]
    scope: Scope
    seconds: float
    ignore: Sequence[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    prune: bool = False


async def watch(
    watched: Watched, settings: Settings, *, show: Callable[[Summary], None], complain: Callable[[str], None]
) -> None:
    """Until SIGTERM or SIGINT; the first pass raises what `run` raises.

    A source that goes away later is complained of once and tried again, and what is stored of it stays.
    """
    if watched.seconds <= 0 or "-" in watched.sources:
        raise InvalidInput("--watch needs a number of seconds above 0, and sources that can be read more than once.")
    stopped = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    work = asyncio.create_task(_Watch(watched, settings, show, complain).work())
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (work, waiting):
        task.cancel()
    [outcome, _] = await asyncio.gather(work, waiting, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome


class _Watch:
    def __init__(
        self,
        watched: Watched,
        settings: Settings,
        show: Callable[[Summary], None],
        complain: Callable[[str], None],
    ) -> None:
        self._watched = watched
        self._settings = settings
        self._show = show
        self._complain = complain
        self._refused: dict[str, str] = {}
        """By URI, the version that could not be taken in: it is not tried again before it is another."""
        self._said: set[str] = set()

    async def work(self) -> None:
        is_first = True
        while True:
            complaints: set[str] = set()
            try:
                differing = self._watched.sources if is_first else await self._differing(complaints)
                if differing:
                    await self._run(differing)
                is_first = False
            except (InvalidInput, Locked, Unavailable) as error:
                if is_first and isinstance(error, InvalidInput):
                    raise
                complaints.add(str(error))
            for complaint in sorted(complaints - self._said):
                self._complain(complaint)
            self._said = complaints
            await asyncio.sleep(self._watched.seconds)

    async def _run(self, sources: Sequence[str]) -> None:
        watched = self._watched
        summary = await run(
            sources,
            self._settings,
            watched.scope,
            ignore=watched.ignore,
            metadata=watched.metadata,
            prune=watched.prune,
            quiet=True,
        )
        self._refused |= {outcome.uri: outcome.version for outcome in summary.rejected if outcome.version}
        self._show(summary)

    async def _differing(self, complaints: set[str]) -> list[str]:
        """The sources that have something else than the collection; needs neither the model nor the writer's lock."""
        found = []
        async with (
            open_fetcher(self._settings) as fetcher,
            build_backend(self._settings.store, root=self._settings.store_dir).open_catalogue() as catalogue,
        ):
            for text in self._watched.sources:
                try:
                    source = build_source(
                        text,
                        fetcher=fetcher,
                        settings=self._settings,
                        ignore=self._watched.ignore,
                        metadata=self._watched.metadata,
                    )
                except InvalidInput as error:
                    complaints.add(str(error))
                    continue
                if await self._differs(source, catalogue, complaints):
                    found.append(text)
        return found

    async def _differs(self, source: Source, catalogue: Catalogue | None, complaints: set[str]) -> bool:
        seen: set[DocumentId] = set()
        is_complete = True
        batch: list[Unit] = []
        async for found in source.find():
            if isinstance(found, Rejection):
                is_complete = False
                complaints.add(_line(found.uri, found.reason))
                continue
            if self._watched.prune:
                seen.add(found.id)
            batch.append(found)
            if len(batch) == _LOOKED_AT_ONCE:
                if await self._has_news(batch, catalogue, complaints):
                    return True
                batch = []
        if await self._has_news(batch, catalogue, complaints):
            return True
        if not seen or not is_complete or catalogue is None:
            return False
        stored = catalogue.scroll(self._watched.scope, FIRST_CHUNKS)
        return any([source.covers(chunk.uri) and chunk.document_id not in seen async for chunk in stored])

    async def _has_news(self, units: Sequence[Unit], catalogue: Catalogue | None, complaints: set[str]) -> bool:
        ids = [unit.id for unit in units]
        known = await stored_documents(catalogue, self._watched.scope, ids) if catalogue else dict.fromkeys(ids)
        return any(await asyncio.gather(*(self._is_news(unit, known[unit.id], complaints) for unit in units)))

    async def _is_news(self, unit: Unit, stored: Chunk | None, complaints: set[str]) -> bool:
        try:
            raw = await fetch_if_changed(unit, stored, self._settings.chunking.recipe)
        except (InvalidInput, Unavailable) as error:
            complaints.add(_line(unit.uri, str(error)))
            return False
        return raw is not None and self._refused.get(unit.uri) != version_of(raw, self._settings.chunking.recipe)


def _line(uri: str, reason: str | None) -> str:
    return f"{uri}: {reason}"
