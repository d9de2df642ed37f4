"""`python -m ingest`: the offline path's commands."""

import argparse
import asyncio
import sys

from ingest.settings import Settings
from rag.embedding.weights import find_weights
from rag.errors import GroundworkError, InvalidInput
from rag.settings import LocalEmbedderSettings, read_settings
from rag.telemetry import configure_logging
from rag.types import Scope

_SOME_REJECTED = 3

_EXAMPLES = """examples:
  python -m ingest run README.md docs/            files and folders: Markdown, text, HTML, PDF
  python -m ingest run https://example.org/guide  one page
  python -m ingest run ~/notes --dry-run          what would happen, nothing written
  python -m ingest run docs/ --json               the summary as one JSON object
  python -m ingest run ~/notes --tenant acme      into the documents of one tenant
  python -m ingest worker                         takes in what the service accepts
  python -m ingest export                         the embedder's ONNX form, checked against the original

exit status: 0 all is in, 1 nothing could be done, 3 something was rejected and the rest is in
settings: environment variables RAG_…, or .env; the README lists them"""


def main() -> int:
    arguments = _parse_arguments()
    try:
        settings = read_settings(Settings)
        configure_logging(settings)
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
    run = commands.add_parser("run", help="take in files, folders and URLs, then stop")
    run.add_argument("sources", nargs="+", metavar="SOURCE", help="a file, a folder, or an http(s) URL")
    run.add_argument("--tenant", default="default", help="whose documents these are (default: %(default)s)")
    run.add_argument("--dry-run", action="store_true", help="say what would happen and write nothing")
    run.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    worker = commands.add_parser("worker", help="take in what the service accepts, until stopped")
    worker.add_argument("--exit-with-parent", action="store_true", help="stop when the starting process is gone")
    commands.add_parser("export", help="write the ONNX form of the configured embedder")
    return parser.parse_args()


async def _command(arguments: argparse.Namespace, settings: Settings) -> int:
    # Each command imports what it needs: a worker that waits should not carry what only an export uses.
    match arguments.command:
        case "run":
            from ingest.run import run  # noqa: PLC0415

            summary = await run(
                arguments.sources,
                settings,
                Scope(tenant=arguments.tenant),
                dry_run=arguments.dry_run,
                quiet=arguments.json,
            )
            print(summary.to_json() if arguments.json else summary.to_text(dry_run=arguments.dry_run))  # noqa: T201
            return _SOME_REJECTED if summary.rejected else 0
        case "worker":
            from ingest.worker import work  # noqa: PLC0415

            await work(settings, exit_with_parent=arguments.exit_with_parent)
        case "export":
            _export(settings)
    return 0


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
