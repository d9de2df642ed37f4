"""The text of a document as it was ingested: its passages in their order."""

from rag.errors import NotFound
from rag.store.base import Catalogue
from rag.types import Chunk, ChunkFilter, DocumentId, Scope


async def read_passages(
    store: Catalogue, scope: Scope, document_id: DocumentId, *, around: int, limit: int
) -> list[Chunk]:
    """Return at most `limit` passages of the live version, with the passage `around` near their middle.

    Raises `NotFound` if the document has no passage there, or is not in the collection.
    """
    first = max(0, around - (limit - 1) // 2)
    window = ChunkFilter(document_ids=(document_id,), ordinals=tuple(range(first, first + limit)))
    found = sorted([chunk async for chunk in store.scroll(scope, window)], key=lambda chunk: chunk.ordinal)
    if not found:
        raise NotFound(
            f"The collection has no passage {around} of the document {document_id!r}. "
            "A document has passages when its state is `ready`."
        )
    return found
