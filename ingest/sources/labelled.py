"""A source whose documents carry metadata that whoever named it has given."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import partial

from ingest.sources.base import Rejection, Source, Unit, Unmodified
from rag.types import RawDocument


class LabelledSource:
    """The units of another source; what a document says of itself gives way."""

    def __init__(self, source: Source, metadata: Mapping[str, str]) -> None:
        self._source = source
        self._metadata = metadata
        told = "\n".join(f"{key}={value}" for key, value in sorted(metadata.items()))
        # In front of the source's own validator: given other metadata, an unchanged document is a changed one.
        self._mark = f"metadata:{hashlib.sha256(told.encode()).hexdigest()[:16]} "

    @property
    def passed_over(self) -> int:
        return self._source.passed_over

    def count(self) -> int | None:
        return self._source.count()

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        async for unit in self._source.find():
            yield unit if isinstance(unit, Rejection) else replace(unit, fetch=partial(self._fetch, unit))

    def covers(self, uri: str) -> bool:
        return self._source.covers(uri)

    async def _fetch(self, unit: Unit, validator: str) -> RawDocument | Unmodified:
        raw = await unit.fetch(validator.removeprefix(self._mark) if validator.startswith(self._mark) else "")
        if isinstance(raw, Unmodified):
            return raw
        marked = f"{self._mark}{raw.validator}" if raw.validator else ""
        return replace(raw, metadata={**raw.metadata, **self._metadata}, validator=marked)
