"""Add the operator's metadata to the documents of a source."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import partial

from ingest.sources.base import Rejection, Source, Unit, Unmodified
from rag.types import RawDocument


class SourceWithMetadata:
    """A source that adds metadata to the documents of another source and overrides their own values."""

    def __init__(self, source: Source, metadata: Mapping[str, str]) -> None:
        self._source = source
        self._metadata = metadata
        pairs = "\n".join(f"{key}={value}" for key, value in sorted(metadata.items()))
        # Part of the validator, or an unchanged document would keep its old metadata.
        self._prefix = f"metadata:{hashlib.sha256(pairs.encode()).hexdigest()[:16]} "

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
        raw = await unit.fetch(validator.removeprefix(self._prefix) if validator.startswith(self._prefix) else "")
        if isinstance(raw, Unmodified):
            return raw
        prefixed = f"{self._prefix}{raw.validator}" if raw.validator else ""
        return replace(raw, metadata={**raw.metadata, **self._metadata}, validator=prefixed)
