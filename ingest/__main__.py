"""Start `python -m ingest`."""

import asyncio
import sys

from rag.program import cancelled_by_interrupt, prepare_process, run_program

_INTERRUPTED = "ingest: interrupted. Published documents stay; the next run continues."


def main() -> int:
    """Run the command of `sys.argv` and return the exit status."""
    prepare_process("ingest")
    from ingest.commands.parser import parse_arguments
    from ingest.settings import Settings

    arguments = parse_arguments()
    return run_program(
        "ingest",
        Settings,
        lambda settings: asyncio.run(cancelled_by_interrupt(arguments.run(arguments, settings), _INTERRUPTED)),
        log_level=None if arguments.command == "worker" else "warning",
    )


if __name__ == "__main__":
    sys.exit(main())
