"""What can be written behind `python -m ingest`."""

import argparse
from pathlib import Path

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
  python -m ingest backup /backups/monday         what must not be lost, into a folder, while workers go on
  python -m ingest restore /backups/monday        and back, into this RAG_DATA_DIR
  python -m ingest enqueue docs/                  leave the work to workers
  python -m ingest worker                         takes in what was put or enqueued
  python -m ingest status                         documents, chunks, queue, dead letters
  python -m ingest dead-letter list               what was given up, and why
  python -m ingest export                         the embedder's ONNX form, checked against the original

exit status: 0 all is in, 1 nothing could be done, 3 something was rejected and the rest is in
settings: environment variables RAG_…, or .env; docs/reference/settings.md lists them"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
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
    anew.add_argument("--if-needed", action="store_true", help="nothing to do is no fault: for deployments")
    anew.add_argument(
        "--rollback", action="store_true", help="at once to the collection that is kept, without what came since"
    )
    carry = commands.add_parser("promote", help="carry the embedded collection to a Qdrant server, without embedding")
    carry.add_argument("--to", required=True, metavar="URL", help="such as http://127.0.0.1:6333")
    carry.add_argument("--grpc-port", type=int, default=6334, help="(default: %(default)s)")
    carry.add_argument("--collection", default="groundwork", help="(default: %(default)s)")
    carry.add_argument("--api-key-file", type=Path, metavar="FILE", help="whose content is the server's API key")
    kept = commands.add_parser("backup", help="collection, inbox, keys and drift's reference, into a folder")
    kept.add_argument("target", type=Path, metavar="DEST", help="a folder that does not exist yet")
    back = commands.add_parser("restore", help="a backup back, checked before anything is switched")
    back.add_argument("source", type=Path, metavar="SOURCE", help="the folder of a backup")
    back.add_argument("--replace", action="store_true", help="also where there is a collection already")
    status = commands.add_parser("status", help="documents, chunks, queue and dead letters")
    status.add_argument("--json", action="store_true", help="as one JSON object")
    letters = commands.add_parser("dead-letter", help="look after what was given up")
    letters.add_argument("action", choices=["list", "show", "replay", "drop"])
    letters.add_argument(
        "ids", nargs="*", metavar="ID", help="as `list` shows them, or their beginning; all: every one"
    )
    letters.add_argument("--json", action="store_true", help="as JSON")
    commands.add_parser("export", help="write the ONNX form of the configured embedder")
    return parser
