"""The loop of `python -m ingest run --watch SECONDS`: ingests a source again when it differs from the collection."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ingest.commands.ingestion import ingest_selection
from ingest.commands.report import Summary
from ingest.commands.selection import SourceSelection
from ingest.pipeline.preparation import fetch_if_changed, stored_documents, version_of
from ingest.pipeline.pruning import ListedDocuments, find_gone
from ingest.settings import Settings
from ingest.sources.base import Gone, Rejection, Source, Unit
from ingest.sources.notes import SourceWarning
from ingest.sources.web.fetching import open_fetcher
from rag.errors import AccessRefused, InvalidInput, Locked, Unavailable
from rag.logs import report
from rag.program import end_soon
from rag.store.base import Catalogue
from rag.store.factory import build_backend
from rag.types import Chunk

# Enough to hide the latency of one look-up behind many fetches, few enough to hold their bodies in memory.
_BATCH = 64


@dataclass(slots=True, kw_only=True)
class Watch:
    """Passes over the sources until SIGTERM or SIGINT."""

    selection: SourceSelection
    settings: Settings
    seconds: float
    prune: bool
    on_pass: Callable[[Summary], None]
    _not_stored: dict[str, str] = field(default_factory=dict)
    """The rejected or empty version of each URI: it is ingested again only when it has another version."""
    _problems: set[str] = field(default_factory=set)
    """The problems of the current pass."""
    _reported: set[str] = field(default_factory=set)
    """The problems that the operator knows already."""

    async def run(self) -> None:
        """Ingest what changes. The first pass raises what `ingest_selection` raises.

        A problem of a later pass, such as a missing source, is reported once and tried again. Stored documents stay.
        """
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()

        def interrupt() -> None:
            stopped.set()
            end_soon("ingest: interrupted. Published documents stay.")

        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        loop.add_signal_handler(signal.SIGINT, interrupt)
        watching = asyncio.create_task(self._run_passes())
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (watching, stopping):
            task.cancel()
        [result, _] = await asyncio.gather(watching, stopping, return_exceptions=True)
        if isinstance(result, Exception):
            raise result

    async def _run_passes(self) -> None:
        is_first = True
        while True:
            self._reported, self._problems = self._problems, set()
            try:
                changed = self.selection.sources if is_first else await self._changed_sources()
                if changed:
                    await self._ingest(changed)
                is_first = False
            except (InvalidInput, Locked, Unavailable, AccessRefused) as error:
                if is_first and isinstance(error, (InvalidInput, AccessRefused)):
                    raise
                self._problems.add(str(error))
            for problem in sorted(self._problems - self._reported):
                report("source_not_read", f"ingest: {problem}")
            await asyncio.sleep(self.seconds)

    async def _ingest(self, sources: Sequence[str]) -> None:
        selection = replace(self.selection, sources=sources)
        summary = await ingest_selection(selection, self.settings, prune=self.prune, quiet=True)
        not_stored = (*summary.rejected, *summary.empty)
        self._not_stored |= {result.uri: result.version for result in not_stored if result.version}
        self.on_pass(summary)
        told = {_to_problem(name, warning) for name, warning in summary.sources.warnings}
        self._problems |= told
        self._reported |= told

    async def _changed_sources(self) -> list[str]:
        """Return the sources that differ from the collection; this needs neither a model nor the writer lock."""
        changed = []
        async with (
            open_fetcher(self.settings) as fetcher,
            build_backend(self.settings.store, root=self.settings.store_dir).open_catalogue() as catalogue,
        ):
            for name in self.selection.sources:
                try:
                    source = self.selection.build_one(name, fetcher, self.settings)
                except InvalidInput as error:
                    self._problems.add(str(error))
                    continue
                if await self._differs(name, source, catalogue):
                    changed.append(name)
        return changed

    async def _differs(self, name: str, source: Source, catalogue: Catalogue | None) -> bool:
        listed = ListedDocuments(remember=self.prune)
        batch: list[Unit] = []
        async for unit in source.find():
            if isinstance(unit, Rejection):
                self._problems.add(f"{unit.uri}: {unit.reason}")
                continue
            listed.add(unit.id)
            batch.append(unit)
            if len(batch) == _BATCH:
                if await self._any_changed(batch, catalogue, listed):
                    return True
                batch = []
        if await self._any_changed(batch, catalogue, listed):
            return True
        is_changed = False
        if self.prune and catalogue is not None:
            try:
                is_changed = bool(await find_gone(source, listed, catalogue, self.selection.scope))
            except InvalidInput as error:
                self._problems.add(f"{name}: {error}")
        if not is_changed:
            self._problems |= {_to_problem(name, warning) for warning in source.notes.warnings}
        return is_changed

    async def _any_changed(self, units: Sequence[Unit], catalogue: Catalogue | None, listed: ListedDocuments) -> bool:
        ids = [unit.id for unit in units]
        scope = self.selection.scope
        stored = await stored_documents(catalogue, scope, ids) if catalogue else dict.fromkeys(ids)
        return any(await asyncio.gather(*(self._is_changed(unit, stored[unit.id], listed) for unit in units)))

    async def _is_changed(self, unit: Unit, stored: Chunk | None, listed: ListedDocuments) -> bool:
        recipe = self.settings.chunking.recipe(self.settings.language)
        try:
            raw = await fetch_if_changed(unit, stored, recipe, converts=self.settings.parser_service.url is not None)
        except (InvalidInput, Unavailable) as error:
            if isinstance(error, Gone):
                listed.note_gone(unit.id)
            self._problems.add(f"{unit.uri}: {error}")
            return False
        return raw is not None and self._not_stored.get(unit.uri) != version_of(raw, recipe)


def _to_problem(name: str, warning: SourceWarning) -> str:
    return f"{name}: {warning.message}"
