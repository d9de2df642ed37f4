"""`python -m ingest worker`: ingests the documents in the inbox until it is stopped."""

import argparse

from ingest.commands.base import Commands, add_command_parser
from ingest.settings import Settings
from ingest.worker.worker import work

_HELP = """Claims entries of the inbox, ingests them, and acknowledges each one after its document is published.
The service starts such a worker itself by default (RAG_WORKER=child).

examples:
  python -m ingest worker
  RAG_INBOX__KIND=redis RAG_INBOX__URL=redis://redis:6379 RAG_STORE__KIND=server python -m ingest worker
  curl localhost:8001/metrics        its metrics (RAG_WORKER_PORT); /livez says that it runs

Stop it with SIGTERM: it finishes the documents in progress for up to RAG_WORKER_DRAIN_SECONDS and returns the others
to the inbox. Ctrl-C ends it within three seconds.

needs: the inbox, and the right to write the collection. The worker loads the embedder when documents arrive, and
unloads it after ten seconds without work. Several workers may share one inbox. With the embedded store
they take turns."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(commands, "worker", run, "ingest the documents in the inbox, until stopped", _HELP)
    command.add_argument("--exit-with-parent", action="store_true", help="also stop when the parent process ends")


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    await work(settings, exit_with_parent=arguments.exit_with_parent)
    return 0
