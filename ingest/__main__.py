"""`python -m ingest`: the offline path's commands."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from ingest.settings import Settings
from ingest.sources.base import Rejection
from rag.embedding.weights import find_weights
from rag.errors import GroundworkError, InvalidInput
from rag.inbox.factory import open_dead_letters, open_inbox
from rag.metadata import parse_pairs
from rag.retrying import log_retries
from rag.settings import LocalEmbedderSettings, ServerStoreSettings, read_settings
from rag.telemetry import configure_logging
from rag.types import Scope

_SOME_REJECTED = 3

_EXAMPLES = """examples:
  python -m ingest run README.md docs/            files and folders
  python -m ingest run https://example.org/guide  one page
  python -m ingest run ~/notes --dry-run          what would happen, nothing written
  python -m ingest run docs/ --json               the summary as one JSON object
  python -m ingest run docs/ --prune              and remove what is gone from there
  python -m ingest run crawl:https://example.org/docs/    what is linked below that folder
  python -m ingest run s3://bucket/handbook --prune       an object store, through its fsspec driver
  python -m ingest run sitemap:https://example.org/sitemap.xml records.jsonl
  python -m ingest run ~/notes --tenant acme      into the documents of one tenant
  python -m ingest run runbooks/ --metadata team=ops      narrows searches: "filter": {"metadata": {"team": ["ops"]}}
  python -m ingest run docs/ --watch 30           again every 30 seconds, until stopped
  python -m ingest promote --to http://127.0.0.1:6333     the embedded collection to a Qdrant server
  python -m ingest reindex --embedder BAAI/bge-small-en-v1.5     another embedder, without downtime
  python -m ingest enqueue docs/                  leave the work to workers
  python -m ingest worker                         takes in what was put or enqueued
  python -m ingest status                         documents, chunks, queue, dead letters
  python -m ingest dead-letter list               what was given up, and why
  python -m ingest export                         the embedder's ONNX form, checked against the original

exit status: 0 all is in, 1 nothing could be done, 3 something was rejected and the rest is in
settings: environment variables RAG_…, or .env; the README lists them"""


def main() -> int:
    arguments = _parse_arguments()
    try:
        settings = read_settings(Settings)
        # A person reads what a command prints; only a worker's news are for a log.
        is_worker = arguments.command == "worker"
        configure_logging(settings if is_worker else settings.model_copy(update={"log_level": "warning"}))
        log_retries()
        return asyncio.run(_command(arguments, settings))
    except GroundworkError as error:
        print(f"ingest: {error}", file=sys.stderr)  # noqa: T201 - the one line a person should see
        return 1
    except KeyboardInterrupt:
        print("ingest: interrupted; what was published stays, the next run goes on", file=sys.stderr)  # noqa: T201
        return 130


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ingest",
        description="Takes documents into the collection.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="take sources in, then stop")
    enqueue = commands.add_parser("enqueue", help="put sources into the inbox, for workers")
    for command in (run, enqueue):
        command.add_argument(
            "sources",
            nargs="+",
            metavar="SOURCE",
            help="a file, folder, glob or URL (http:, s3:, …), sitemap:URL, crawl:URL, jsonl:PATH, or - for JSON lines",
        )
        command.add_argument("--tenant", default="default", help="whose documents these are (default: %(default)s)")
        command.add_argument("--ignore", action="append", default=[], metavar="PATTERN", help="in gitignore's syntax")
        command.add_argument(
            "--metadata", action="append", default=[], metavar="KEY=VALUE", help="of these documents; again for more"
        )
        command.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    run.add_argument("--prune", action="store_true", help="remove documents that are gone from the source")
    run.add_argument("--watch", type=float, metavar="SECONDS", help="again after so many seconds, until stopped")
    run.add_argument("--dry-run", action="store_true", help="say what would happen and write nothing")
    worker = commands.add_parser("worker", help="take in what the service accepts, until stopped")
    worker.add_argument("--exit-with-parent", action="store_true", help="stop when the starting process is gone")
    anew = commands.add_parser("reindex", help="the collection anew for another embedder, while this one serves")
    anew.add_argument("--embedder", metavar="MODEL", help="a local one by name or directory; unset: as configured")
    anew.add_argument("--rollback", action="store_true", help="back to the collection from before the last switch")
    carry = commands.add_parser("promote", help="carry the embedded collection to a Qdrant server, without embedding")
    carry.add_argument("--to", required=True, metavar="URL", help="such as http://127.0.0.1:6333")
    carry.add_argument("--grpc-port", type=int, default=6334, help="(default: %(default)s)")
    carry.add_argument("--collection", default="groundwork", help="(default: %(default)s)")
    carry.add_argument("--api-key-file", type=Path, metavar="FILE", help="whose content is the server's API key")
    status = commands.add_parser("status", help="documents, chunks, queue and dead letters")
    status.add_argument("--json", action="store_true", help="as one JSON object")
    letters = commands.add_parser("dead-letter", help="look after what was given up")
    letters.add_argument("action", choices=["list", "show", "replay", "drop"])
    letters.add_argument(
        "ids", nargs="*", metavar="ID", help="as `list` shows them, or their beginning; all: every one"
    )
    letters.add_argument("--json", action="store_true", help="as JSON")
    commands.add_parser("export", help="write the ONNX form of the configured embedder")
    return parser.parse_args()


async def _command(arguments: argparse.Namespace, settings: Settings) -> int:
    # Each command imports what it needs: a worker that waits should not carry what only an export uses.
    match arguments.command:
        case "run":
            return await _run(arguments, settings)
        case "worker":
            from ingest.worker import work  # noqa: PLC0415

            await work(settings, exit_with_parent=arguments.exit_with_parent)
        case "enqueue":
            from ingest.enqueue import enqueue  # noqa: PLC0415

            scope = Scope(tenant=arguments.tenant)
            metadata = parse_pairs(arguments.metadata)
            async with open_inbox(settings.inbox, root=settings.inbox_dir) as inbox:
                put, rejected = await enqueue(
                    arguments.sources, settings, scope, inbox, ignore=arguments.ignore, metadata=metadata
                )
            return _show_enqueued(put, rejected, as_json=arguments.json)
        case "status":
            from ingest.status import read_status  # noqa: PLC0415

            async with open_inbox(settings.inbox, root=settings.inbox_dir) as inbox:
                status = await read_status(settings, inbox)
            print(status.to_json() if arguments.json else status.to_text())  # noqa: T201
        case "dead-letter":
            from ingest.deadletter import look_after  # noqa: PLC0415

            async with open_dead_letters(settings.inbox, root=settings.inbox_dir) as letters:
                print(await look_after(letters, arguments.action, arguments.ids, as_json=arguments.json))  # noqa: T201
        case "reindex":
            await _reindex(arguments, settings)
        case "promote":
            from ingest.promote import promote  # noqa: PLC0415

            documents, chunks = await promote(settings, _to_server(arguments))
            print(f"{documents} documents, {chunks} chunks in {arguments.collection} at {arguments.to}")  # noqa: T201
        case "export":
            _export(settings)
    return 0


async def _reindex(arguments: argparse.Namespace, settings: Settings) -> None:
    from ingest.reindex import reindex  # noqa: PLC0415
    from rag.store.succession import roll_back  # noqa: PLC0415

    if arguments.rollback:
        await roll_back(settings.store, root=settings.store_dir)
        print("Rolled back. Configure the embedder of before, and restart service and workers.")  # noqa: T201
        return
    if arguments.embedder:
        settings = settings.model_copy(update={"embedder": LocalEmbedderSettings(model=arguments.embedder)})
    done = await reindex(settings, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    print(  # noqa: T201
        f"{done.documents} documents, {done.chunks} chunks; {done.found:.0%} of a sample find themselves. Switched: "
        "configure this embedder, and restart service and workers."
    )


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


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.watch is not None:
        return await _watch(arguments, settings)
    from ingest.run import run  # noqa: PLC0415

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
    print(summary.to_json() if arguments.json else summary.to_text(dry_run=arguments.dry_run), flush=True)  # noqa: T201
    return _SOME_REJECTED if summary.rejected else 0


async def _watch(arguments: argparse.Namespace, settings: Settings) -> int:
    from ingest.watch import Watched, watch  # noqa: PLC0415

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
        show=lambda summary: print(  # noqa: T201
            summary.to_json() if arguments.json else summary.to_text(dry_run=False), flush=True
        ),
        complain=lambda line: print(f"ingest: {line}", file=sys.stderr, flush=True),  # noqa: T201
    )
    return 0


def _show_enqueued(put: int, rejected: list[Rejection], *, as_json: bool) -> int:
    if as_json:
        reasons = [{"uri": unit.uri, "reason": unit.reason} for unit in rejected]
        print(json.dumps({"enqueued": put, "rejected": reasons}))  # noqa: T201
    else:
        lines = [f"  rejected {unit.uri}: {unit.reason}" for unit in rejected]
        print("\n".join([*lines, f"{put} documents enqueued, {len(rejected)} rejected"]))  # noqa: T201
    return _SOME_REJECTED if rejected else 0


def _export(settings: Settings) -> None:
    if not isinstance(settings.embedder, LocalEmbedderSettings):
        raise InvalidInput("Only a local embedder has an ONNX form: RAG_EMBEDDER__KIND is openai.")
    weights = find_weights(settings.embedder.model, settings.embedder.sha256)
    target = settings.models_dir / weights.onnx_name
    if target.is_file():
        return
    print("Exporting the embedder's ONNX form (once, about 15 s) …", flush=True)  # noqa: T201
    from ingest.export import export_onnx  # noqa: PLC0415

    cosine = export_onnx(weights, target)
    print(f"{target}: cosine to the original at least {cosine:.6f}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
