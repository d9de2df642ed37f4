"""The commands of `python -m ingest`: each prints what a person should see and gives its exit status."""

import argparse
import json
import sys

from ingest.settings import Settings
from ingest.sources.base import Rejection
from rag.embedding.weights import find_weights, require_torch
from rag.errors import InvalidInput, NotFound
from rag.inbox.factory import open_dead_letters, open_inbox
from rag.metadata import parse_pairs
from rag.settings import LocalEmbedderSettings, ServerStoreSettings
from rag.types import Scope

_SOME_REJECTED = 3


async def carry_out(arguments: argparse.Namespace, settings: Settings) -> int:
    # Each command imports what it needs: a worker that waits should not carry what only an export uses.
    match arguments.command:
        case "run" if arguments.watch is not None:
            return await _watch(arguments, settings)
        case "run":
            return await _run(arguments, settings)
        case "enqueue":
            return await _enqueue(arguments, settings)
        case "worker":
            await _work(arguments, settings)
        case "status":
            await _show_status(arguments, settings)
        case "dead-letter":
            await _look_after_dead_letters(arguments, settings)
        case "reindex":
            await _reindex(arguments, settings)
        case "promote":
            await _promote(arguments, settings)
        case "backup":
            await _back_up(arguments, settings)
        case "restore":
            await _restore(arguments, settings)
        case "export":
            _export(settings)
    return 0


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    from ingest.commands.run import run

    summary = await run(
        arguments.sources,
        settings,
        Scope(tenant=arguments.tenant),
        ignore=arguments.ignore,
        metadata=parse_pairs(arguments.metadata),
        dry_run=arguments.dry_run,
        prune=arguments.prune,
        quiet=arguments.json,
    )
    print(summary.to_json() if arguments.json else summary.to_text(dry_run=arguments.dry_run), flush=True)
    return _SOME_REJECTED if summary.rejected else 0


async def _watch(arguments: argparse.Namespace, settings: Settings) -> int:
    from ingest.commands.watch import Watched, watch

    if arguments.dry_run:
        raise InvalidInput("--dry-run looks once; leave out --watch.")
    watched = Watched(
        sources=arguments.sources,
        scope=Scope(tenant=arguments.tenant),
        seconds=arguments.watch,
        ignore=arguments.ignore,
        metadata=parse_pairs(arguments.metadata),
        prune=arguments.prune,
    )
    await watch(
        watched,
        settings,
        show=lambda summary: print(summary.to_json() if arguments.json else summary.to_text(dry_run=False), flush=True),
        complain=lambda line: print(f"ingest: {line}", file=sys.stderr, flush=True),
    )
    return 0


async def _enqueue(arguments: argparse.Namespace, settings: Settings) -> int:
    from ingest.commands.enqueue import enqueue

    scope = Scope(tenant=arguments.tenant)
    metadata = parse_pairs(arguments.metadata)
    async with open_inbox(settings.inbox, root=settings.inbox_dir) as inbox:
        put, rejected = await enqueue(
            arguments.sources, settings, scope, inbox, ignore=arguments.ignore, metadata=metadata
        )
    return _show_enqueued(put, rejected, as_json=arguments.json)


def _show_enqueued(put: int, rejected: list[Rejection], *, as_json: bool) -> int:
    if as_json:
        reasons = [{"uri": unit.uri, "reason": unit.reason} for unit in rejected]
        print(json.dumps({"enqueued": put, "rejected": reasons}))
    else:
        lines = [f"  rejected {unit.uri}: {unit.reason}" for unit in rejected]
        print("\n".join([*lines, f"{put} documents enqueued, {len(rejected)} rejected"]))
    return _SOME_REJECTED if rejected else 0


async def _work(arguments: argparse.Namespace, settings: Settings) -> None:
    from ingest.worker.worker import work

    await work(settings, exit_with_parent=arguments.exit_with_parent)


async def _show_status(arguments: argparse.Namespace, settings: Settings) -> None:
    from ingest.commands.status import read_status

    async with open_inbox(settings.inbox, root=settings.inbox_dir) as inbox:
        status = await read_status(settings, inbox)
    print(status.to_json() if arguments.json else status.to_text())


async def _look_after_dead_letters(arguments: argparse.Namespace, settings: Settings) -> None:
    from ingest.commands.dead_letter import look_after

    async with open_dead_letters(settings.inbox, root=settings.inbox_dir) as letters:
        print(await look_after(letters, arguments.action, arguments.ids, as_json=arguments.json))


async def _reindex(arguments: argparse.Namespace, settings: Settings) -> None:
    from ingest.migration.reindex import reindex
    from rag.store.backend import AlreadyFilled

    if arguments.embedder:
        settings = settings.model_copy(update={"embedder": LocalEmbedderSettings(model=arguments.embedder)})
    if arguments.rollback:
        await _roll_back(settings)
        return
    try:
        done = await reindex(settings, _say)
    except (AlreadyFilled, NotFound) as error:
        if not arguments.if_needed:
            raise
        print(f"Nothing to do: {error}")
        return
    print(
        f"{done.documents} documents, {done.chunks} chunks; {done.found:.0%} of a sample find themselves. Switched: "
        "configure this embedder, and restart service and workers."
    )


async def _roll_back(settings: Settings) -> None:
    from ingest.migration.reindex import go_back

    if await go_back(settings):
        print("Rolled back: restart service and workers. What came in since the switch is not in it: run its sources.")
    else:
        print("Rolled back. Service and workers go on with it by themselves.")


async def _promote(arguments: argparse.Namespace, settings: Settings) -> None:
    from ingest.migration.promote import promote

    documents, chunks = await promote(settings, _to_server(arguments))
    print(f"{documents} documents, {chunks} chunks in {arguments.collection} at {arguments.to}")


def _to_server(arguments: argparse.Namespace) -> ServerStoreSettings:
    try:
        key = arguments.api_key_file.read_text().strip() if arguments.api_key_file else None
        return ServerStoreSettings(
            kind="server",
            url=arguments.to,
            grpc_port=arguments.grpc_port,
            collection=arguments.collection,
            api_key=key,
        )
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The server cannot be reached like this: {error}") from error


async def _back_up(arguments: argparse.Namespace, settings: Settings) -> None:
    from ingest.backup.backup import back_up

    made = await back_up(settings, arguments.target, _say)
    print(
        f"{arguments.target}: {made.contents.documents:,} documents, {made.contents.chunks:,} chunks, "
        f"{len(made.files):,} files, {made.mebibytes:,} MiB"
    )
    if made.inbox == "redis":
        print("What waits in Redis is not in it: back Redis up by its own means.")


async def _restore(arguments: argparse.Namespace, settings: Settings) -> None:
    from ingest.backup.backup import restore

    restored = await restore(settings, arguments.source, _say, replace=arguments.replace)
    contents = restored.manifest.contents
    print(
        f"{contents.documents:,} documents, {contents.chunks:,} chunks as of {restored.manifest.made}, of "
        f"{restored.manifest.embedder.model}; {restored.same} of {len(contents.asked)} questions answered as before"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _export(settings: Settings) -> None:
    if not isinstance(settings.embedder, LocalEmbedderSettings):
        raise InvalidInput("Only a local embedder has an ONNX form: RAG_EMBEDDER__KIND is openai.")
    weights = find_weights(settings.embedder.model, settings.embedder.sha256)
    target = settings.models_dir / weights.onnx_name
    if target.is_file():
        return
    require_torch("An export")
    print("Exporting the embedder's ONNX form (once, about 15 s) …", flush=True)
    from ingest.migration.export import export_onnx

    cosine = export_onnx(weights, target)
    print(f"{target}: cosine to the original at least {cosine:.6f}")
