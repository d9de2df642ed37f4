"""Start `python -m service`."""

import sys

from rag.program import prepare_process


def main() -> int:
    """Run the service's command line and return the exit status."""
    prepare_process("service")
    from service.program import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
