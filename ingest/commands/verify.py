"""`python -m ingest verify`: compares the copies of the collection, and repairs documents."""

import argparse
import json
import sys
from dataclasses import asdict

from ingest.commands.base import Commands, add_command_parser
from ingest.migration.verify import MENDED_BY_INGESTION, verify
from ingest.settings import Settings
from rag.store.factory import build_backend

_SHOWN = 20

_HELP = """Reads every point of the collection, names each damaged document, and repairs it with --mend.
On a Qdrant cluster it reads from each node, and also finds documents whose copies differ.

examples:
  python -m ingest verify                   check only
  python -m ingest verify --mend            repair by writing the newest whole version to every copy
  python -m ingest verify --node qdrant-0.qdrant-headless:6334 --node qdrant-1.qdrant-headless:6334

For each node the output has the number of live points, then the points of its copy of each shard, staged ones
included. Without --node it reads from every address of the host name in RAG_STORE__URL.
Workers may write meanwhile: a document is reported only if three checks within seconds find it damaged.

needs: read access to the collection, and write access for --mend. It loads no model."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(
        commands, "verify", run, "compare the copies of the collection, and repair them", _HELP
    )
    command.add_argument("--mend", action="store_true", help="write the newest whole version of each document found")
    command.add_argument(
        "--node",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="address of a node, with the port of the configured protocol; repeat it for each node",
    )
    command.add_argument("--json", action="store_true", help="print the result as one JSON object")


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    backend = build_backend(settings.store, root=settings.store_dir)
    found = await verify(
        backend, nodes=arguments.node, mend=arguments.mend, report=lambda text: print(text, file=sys.stderr)
    )
    if arguments.json:
        print(json.dumps(asdict(found)))
    else:
        for name, points in found.points.items():
            shards = ", ".join(f"shard {shard}: {count:,}" for shard, count in found.shards[name].items())
            print(f"{name}: {points:,} points" + (f" ({shards})" if shards else ""))
        for finding in found.findings[:_SHOWN]:
            advice = ": ingest the document again" if finding.kind in MENDED_BY_INGESTION else ""
            print(f"{finding.key.tenant}/{finding.key.document_id}: {finding.kind}, {finding.detail}{advice}")
        if found.missing_copies:
            print(f"missing copies: {found.missing_copies}")
        print(f"{len(found.findings):,} documents are damaged, {found.mended:,} of them were repaired now")
    return 0 if len(found.findings) == found.mended and not found.missing_copies else 1
