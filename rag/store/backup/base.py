"""The ports of a backup's collection: copied out, and read back in beside what serves."""

from typing import Protocol

from rag.errors import InvalidInput
from rag.store.base import StoreReader
from rag.types import EmbedderIdentity


class Copying(Protocol):
    """A published collection that can be copied out."""

    stands_still: bool
    """Whether the reader reads the copy, which nobody changes; else it reads what is copied, and workers go on."""

    @property
    def reader(self) -> StoreReader:
        """To count and to ask; where it reads the copy, of use after that was made."""
        ...

    async def copy(self) -> EmbedderIdentity:
        """Writes the files anew, and says who filled the collection; raises `NotFound` where there is none."""
        ...


class Restoring(Protocol):
    """A restored collection that nobody sees yet."""

    @property
    def reader(self) -> StoreReader:
        """Reads it."""
        ...

    async def switch(self) -> None:
        """Readers see it from now on; what was before is kept for `reindex --rollback`."""
        ...


def require_replaceable(there: object, *, replace: bool) -> None:
    if there is not None and not replace:
        raise InvalidInput(
            "There is a collection already, and it would be replaced. Restore to a new place (RAG_DATA_DIR, or "
            "RAG_STORE__COLLECTION on a server), or say --replace: what is there now is kept for `reindex --rollback`."
        )
