"""`python -m ingest promote`: copies the embedded collection to a Qdrant server."""

import argparse
from pathlib import Path

from ingest.commands.base import Commands, add_command_parser
from ingest.migration.promote import promote
from ingest.settings import Settings
from rag.errors import InvalidInput
from rag.settings import ServerStoreSettings

_HELP = """Copies every document of the embedded collection, with its vectors, to a Qdrant server.
Nothing is embedded again, and the embedded collection stays as it is.

examples:
  python -m ingest promote --to http://127.0.0.1:6333
  python -m ingest promote --to https://qdrant.example.org:6333 --api-key-file /run/secrets/qdrant
  python -m ingest promote --to http://qdrant:6333 --nodes 3      to a cluster of three nodes

Run it again to copy later changes: documents that the server has in the same or a newer version are skipped.
Then set RAG_STORE__KIND=server and RAG_STORE__URL, and restart service and workers.

needs: the embedded collection in RAG_DATA_DIR, and a Qdrant server, 1.19 or newer. It must accept gRPC; use --rest if
it does not."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(commands, "promote", run, "copy the embedded collection to a Qdrant server", _HELP)
    command.add_argument("--to", required=True, metavar="URL", help="URL of the server, such as http://127.0.0.1:6333")
    command.add_argument("--grpc-port", type=int, default=6334, help="gRPC port of the server (default: %(default)s)")
    command.add_argument(
        "--nodes", type=int, default=1, help="nodes of a cluster, which must have joined first (default: %(default)s)"
    )
    command.add_argument("--rest", action="store_true", help="call the URL by REST, such as behind an HTTP ingress")
    command.add_argument("--ca-file", type=Path, metavar="FILE", help="authorities that may sign its certificate (PEM)")
    command.add_argument("--collection", default="groundwork", help="collection on the server (default: %(default)s)")
    command.add_argument("--api-key-file", type=Path, metavar="FILE", help="file that holds the server's API key")


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    try:
        key = arguments.api_key_file.read_text().strip() if arguments.api_key_file else None
        server = ServerStoreSettings(
            kind="server",
            url=arguments.to,
            transport="rest" if arguments.rest else "grpc",
            ca_file=arguments.ca_file,
            grpc_port=arguments.grpc_port,
            collection=arguments.collection,
            api_key=key,
            nodes=arguments.nodes,
        )
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The arguments do not describe a Qdrant server: {error}") from error
    documents, chunks = await promote(settings, server)
    print(f"{documents} documents, {chunks} chunks in {arguments.collection} at {arguments.to}")
    return 0
