"""Start `python -m service`."""

import sys

from rag.program import exit_on_sigterm


def main() -> int:
    """Run the service's command line and return the exit status."""
    exit_on_sigterm()
    from service.program import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
