"""Changes the embedder: embeds the stored text again into a second collection while the first one serves."""

from collections.abc import Callable

from ingest.migration.embedder_checks import require_valid
from ingest.migration.transfer import NewVectors, StoredVectors, TransferResult, transfer
from ingest.pipeline.batching import open_batcher
from ingest.settings import Settings
from rag.embedding.factory import open_embedder
from rag.embedding.tokenizer import build_tokenizer
from rag.errors import InvalidInput
from rag.http import open_session
from rag.store.factory import build_backend
from rag.store.schema import SCHEMA, Origin


async def reindex(settings: Settings, report: Callable[[str], None]) -> TransferResult:
    """Fill and verify a collection of the configured embedder, and switch to it.

    Raises `BadResponse` and switches nothing if the embedder, the counts or the sample fail their checks.
    """
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
        open_batcher(embedder) as batcher,
        build_backend(settings.store, root=settings.store_dir).open_migration(embedder.identity) as migration,
    ):
        await require_valid(embedder, build_tokenizer(settings.embedder))
        # Only the schema changes if the same embedder filled the collection.
        is_filled = migration.origin.embedder == embedder.identity
        return await transfer(migration, StoredVectors() if is_filled else NewVectors(embedder, batcher), report)


async def roll_back_reindex(settings: Settings) -> tuple[Origin | None, Origin]:
    """Return to the collection before the last switch. Return the origins of both collections, that one last.

    Raises `InvalidInput` if the configured embedder cannot search that collection, as after a second rollback.
    """
    backend = build_backend(settings.store, root=settings.store_dir)
    current, previous = await backend.origin(), await backend.fallback_origin()
    # A collection of an earlier schema is for the earlier version of this program, which has settings of its own.
    if previous != current and previous.schema == SCHEMA:
        wanted = previous.embedder
        async with (
            open_session(settings.http) as session,
            open_embedder(settings.embedder, session, models=settings.models_dir, known=wanted) as embedder,
        ):
            if embedder.identity != wanted:
                raise InvalidInput(
                    f"The previous collection was embedded by {wanted.model}, but {embedder.identity.model} is "
                    f"configured. Set RAG_EMBEDDER__MODEL={wanted.model} and roll back again, or run `python -m "
                    "ingest reindex`, which also keeps the documents that were ingested since the switch."
                )
    await backend.roll_back()
    return current, previous
