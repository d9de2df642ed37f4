"""List a source and fetch its units one by one."""

from ingest.sources.base import Rejection, Source, Unmodified
from rag.errors import InvalidInput, Unavailable
from rag.types import RawDocument


async def fetch_all(source: Source, validator: str = "") -> list[RawDocument | Unmodified | Rejection]:
    """Return the result of each unit; a unit that cannot be fetched becomes a `Rejection`."""
    results: list[RawDocument | Unmodified | Rejection] = []
    async for unit in source.find():
        if isinstance(unit, Rejection):
            results.append(unit)
            continue
        try:
            results.append(await unit.fetch(validator))
        except (InvalidInput, Unavailable) as error:
            results.append(Rejection(uri=unit.uri, reason=str(error)))
    return results
