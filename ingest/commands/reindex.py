"""`python -m ingest reindex`: changes the embedder of the collection without downtime."""

import argparse
from functools import partial

from ingest.commands.base import Commands, add_command_parser
from ingest.migration.reindex import reindex, roll_back_reindex
from ingest.settings import Settings
from rag.errors import NotFound
from rag.logs import report
from rag.settings import LocalEmbedderSettings
from rag.store.backend import AlreadyFilled
from rag.store.schema import SCHEMA, Origin

_HELP = """Embeds the stored text of every document again, with another embedder, into a second collection.
The service answers from the current collection meanwhile. The new one is verified and then takes its place in one step.
The previous collection is kept for --rollback.

examples:
  python -m ingest reindex --embedder BAAI/bge-small-en-v1.5   a local model
  RAG_EMBEDDER__KIND=openai RAG_EMBEDDER__URL=http://tei:8080/v1 RAG_EMBEDDER__MODEL=bge-m3 \\
      RAG_EMBEDDER__DIMENSION=1024 python -m ingest reindex    an embedder behind a URL
  python -m ingest reindex --if-needed                         in a deployment, before each start
  python -m ingest reindex --rollback                          return to the previous collection

Afterwards configure the new embedder and restart service and workers. Before a rollback configure the previous
embedder, and restart afterwards. The previous collection lacks every document that was ingested after the switch.

needs: both collections on the same disk or server, and the new embedder. Workers may run meanwhile."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(commands, "reindex", run, "change the embedder without downtime", _HELP)
    command.add_argument(
        "--embedder", metavar="MODEL", help="name or directory of a local model (default: the configured embedder)"
    )
    command.add_argument(
        "--if-needed", action="store_true", help="exit with 0 if there is no collection or it has this embedder"
    )
    command.add_argument("--rollback", action="store_true", help="return to the collection before the last switch")


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.embedder:
        settings = settings.model_copy(update={"embedder": LocalEmbedderSettings(model=arguments.embedder)})
    if arguments.rollback:
        print(_describe(*await roll_back_reindex(settings)))
        return 0
    try:
        result = await reindex(settings, partial(report, "reindex"))
    except (AlreadyFilled, NotFound) as error:
        if not arguments.if_needed:
            raise
        print(f"Nothing to do: {error}")
        return 0
    print(
        f"Switched to {result.documents} documents with {result.chunks} chunks. In a sample, {result.self_recall:.0%} "
        "of the passages were found by their own text. Configure this embedder, then restart service and workers."
    )
    return 0


def _describe(rolled_back: Origin | None, current: Origin) -> str:
    if current.schema != SCHEMA:
        return (
            f"Rolled back to a collection of schema {current.schema}. Start service and workers of the earlier "
            "version. Documents that were ingested after the upgrade are missing."
        )
    if current == rolled_back:
        return "Rolled back. Service and workers use it without a restart."
    return (
        "Rolled back. Restart service and workers. Run the sources again: documents that were ingested after the "
        "switch are missing."
    )
