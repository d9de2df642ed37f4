"""Sources as the tests read them: found and fetched, each unit alone."""

from ingest.sources.base import Rejection, Source, Unmodified
from rag.errors import InvalidInput, Unavailable
from rag.types import RawDocument


async def fetched(source: Source, validator: str = "") -> list[RawDocument | Unmodified | Rejection]:
    """A unit that cannot be fetched comes as a `Rejection`, too."""
    found: list[RawDocument | Unmodified | Rejection] = []
    async for unit in source.find():
        if isinstance(unit, Rejection):
            found.append(unit)
            continue
        try:
            found.append(await unit.fetch(validator))
        except (InvalidInput, Unavailable) as error:
            found.append(Rejection(uri=unit.uri, reason=str(error)))
    return found
