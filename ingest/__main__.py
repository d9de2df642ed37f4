"""`python -m ingest`: the offline path's commands."""

import signal
import sys

if __name__ == "__main__":
    # The first process of a container ignores every signal that it has no handler for, and what follows takes a second.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

import asyncio

from ingest.commands.arguments import build_parser
from ingest.commands.dispatch import carry_out
from ingest.settings import Settings
from rag.errors import GroundworkError
from rag.logs import configure_logging
from rag.program import exit_on_broken_pipe
from rag.retries import log_retries
from rag.settings import read_settings, report_unwritable_folder


def main() -> int:
    arguments = build_parser().parse_args()
    try:
        settings = read_settings(Settings)
        # A person reads what a command prints; only a worker's news are for a log.
        is_worker = arguments.command == "worker"
        configure_logging(settings if is_worker else settings.model_copy(update={"log_level": "warning"}))
        log_retries()
        with report_unwritable_folder(), exit_on_broken_pipe():
            return asyncio.run(carry_out(arguments, settings))
    except GroundworkError as error:
        print(f"ingest: {error}", file=sys.stderr)  # noqa: T201 - the one line a person should see
        return 1
    except KeyboardInterrupt:
        print("ingest: interrupted; what was published stays, the next run goes on", file=sys.stderr)  # noqa: T201
        return 130


if __name__ == "__main__":
    sys.exit(main())
