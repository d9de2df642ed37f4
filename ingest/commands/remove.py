"""`python -m ingest remove`: removes stored documents of sources, or below a URI prefix."""

import argparse
import json
from contextlib import AsyncExitStack

from ingest.commands.base import Commands, add_command_parser
from ingest.metrics import DOCUMENTS, RETRIES
from ingest.pipeline.pruning import RemovableDocument
from ingest.pipeline.publishing import publish_now, publish_regularly
from ingest.pipeline.writer_lock import wait_for_writer_lock
from ingest.settings import Settings
from ingest.sources.coverage import Covers, build_coverage
from ingest.sources.web.fetching import open_fetcher
from rag.errors import InvalidInput
from rag.store.base import Catalogue
from rag.store.factory import build_backend
from rag.store.retrying import RetryingStore
from rag.types import FIRST_CHUNKS, ChunkFilter, Scope

_SHOWN = 20
# A collection may hold millions of documents, and their names would fill the memory of the program that reads them.
_LISTED = 10_000

_HELP = """Removes stored documents from the collection and publishes it. The files and pages themselves stay.
It does not ask for confirmation. Run it with --dry-run first.

examples:
  python -m ingest remove docs/old/ --dry-run              show what would be removed
  python -m ingest remove docs/old/                        a folder, also if it does not exist any more
  python -m ingest remove crawl:https://example.org/docs/  all pages below this URL
  python -m ingest remove --uri-prefix s3://bucket/2019/   all documents whose URI begins like this

A document comes back with the next run over a source that still has it.

needs: the right to write the collection. With the embedded store only one process may write, so the command waits
for a worker to finish its work, and fails if that takes longer than 20 seconds. It loads no model."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(commands, "remove", run, "remove the documents of a source or prefix", _HELP)
    command.add_argument(
        "sources", nargs="*", metavar="SOURCE", help="a source as `run` accepts it; it need not exist any more"
    )
    command.add_argument("--uri-prefix", metavar="PREFIX", help="remove documents whose URI begins with PREFIX")
    command.add_argument("--tenant", default="default", help="tenant that owns the documents (default: %(default)s)")
    command.add_argument("--dry-run", action="store_true", help="show what would be removed and write nothing")
    command.add_argument("--json", action="store_true", help="print the result as one JSON object")


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    async with open_fetcher(settings) as fetcher:
        if arguments.uri_prefix is None:
            if not arguments.sources:
                raise InvalidInput("Nothing to remove. Name a source, or give --uri-prefix PREFIX.")
            covers = [await build_coverage(name, fetcher=fetcher, settings=settings) for name in arguments.sources]
            where = FIRST_CHUNKS
        else:
            covers, where = [lambda *_: True], _prefix_filter(arguments.uri_prefix, arguments.sources)
        scope = Scope(tenant=arguments.tenant)
        removed = await _remove(settings, scope, where, covers, dry_run=arguments.dry_run)
    print(_to_json(removed) if arguments.json else _to_text(removed, dry_run=arguments.dry_run))
    return 0


def _prefix_filter(prefix: str, sources: list[str]) -> ChunkFilter:
    if sources:
        raise InvalidInput("Sources and --uri-prefix exclude each other. Run the command once for each.")
    if not prefix.strip():
        # An unset variable in a script expands to "", which every URI begins with.
        raise InvalidInput("--uri-prefix is empty, which would remove every document. Give the beginning of the URIs.")
    return ChunkFilter(ordinals=(0,), uri_prefixes=(prefix,))


async def _remove(
    settings: Settings,
    scope: Scope,
    where: ChunkFilter,
    covers: list[Covers],
    *,
    dry_run: bool,
) -> list[RemovableDocument]:
    """Remove the documents and return them, ordered by URI."""
    backend = build_backend(settings.store, root=settings.store_dir)
    async with AsyncExitStack() as stack:
        if dry_run:
            catalogue = await stack.enter_async_context(backend.open_catalogue())
            return await _find(catalogue, scope, where, covers) if catalogue else []
        embedder = await backend.embedder()
        if embedder is None:
            return []
        store = await stack.enter_async_context(wait_for_writer_lock(lambda: backend.open_writer(embedder)))
        found = await _find(store, scope, where, covers)
        retrying = RetryingStore(store, RETRIES.labels("upsert"))
        async with publish_regularly(store):
            for document in found:
                await retrying.delete(scope, document.id)
                DOCUMENTS.labels("removed").inc()
        if found:
            await publish_now(store)
        return found


async def _find(
    catalogue: Catalogue, scope: Scope, where: ChunkFilter, covers: list[Covers]
) -> list[RemovableDocument]:
    stored = (RemovableDocument(chunk.document_id, chunk.uri) async for chunk in catalogue.scroll(scope, where))
    found = {
        document.id: document
        async for document in stored
        if any(covered(document.id, document.uri) for covered in covers)
    }
    return sorted(found.values(), key=lambda document: document.uri)


def _to_json(removed: list[RemovableDocument]) -> str:
    listed = [{"id": document.id, "uri": document.uri} for document in removed[:_LISTED]]
    return json.dumps({"removed": len(removed), "documents": listed, "omitted": len(removed) - len(listed)})


def _to_text(removed: list[RemovableDocument], *, dry_run: bool) -> str:
    lines = [f"  {document.uri}" for document in removed[:_SHOWN]]
    if len(removed) > _SHOWN:
        lines.append(f"  … and {len(removed) - _SHOWN:,} more; --json lists {_LISTED:,} of them")
    lines.append(f"{len(removed):,} {'document' if len(removed) == 1 else 'documents'} removed")
    if dry_run:
        lines.append("Dry run: nothing was written.")
    return "\n".join(lines)
