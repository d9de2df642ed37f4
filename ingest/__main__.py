"""Start `python -m ingest`."""

import asyncio
import sys

from rag.program import prepare_process, run_program


def main() -> int:
    """Run the command of `sys.argv` and return the exit status."""
    prepare_process()
    from ingest.commands.parser import parse_arguments
    from ingest.settings import Settings

    arguments = parse_arguments()
    return run_program(
        "ingest",
        Settings,
        lambda settings: asyncio.run(arguments.run(arguments, settings)),
        log_level=None if arguments.command == "worker" else "warning",
        when_interrupted="interrupted. Published documents stay; the next run continues.",
    )


if __name__ == "__main__":
    sys.exit(main())
