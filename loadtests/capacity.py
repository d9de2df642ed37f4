"""`python -m loadtests.capacity`: what it takes for how many users and chunks; docs/measurements/capacity.md explains it."""

import argparse
import sys
from pathlib import Path

from loadtests.inputs import SHIPPED, Inputs
from loadtests.planning import HEADER, plan

USERS = (1, 100, 10_000)
CHUNKS = (500_000, 10_000_000, 1_000_000_000)

_EXAMPLES = """examples:
  python -m loadtests.capacity                                   the table of docs/measurements/capacity.md
  python -m loadtests.capacity --users 300 --chunks 2000000      one row
  python -m loadtests.capacity --inputs ours.toml                with other figures and prices"""


def main() -> int:
    arguments = build_parser().parse_args()
    try:
        print(to_table(Inputs.read(arguments.inputs), users=arguments.users, chunks=arguments.chunks))
    except (ValueError, OSError) as error:
        print(f"capacity: {error}", file=sys.stderr)
        return 2
    return 0


def to_table(inputs: Inputs, *, users: tuple[int, ...] = USERS, chunks: tuple[int, ...] = CHUNKS) -> str:
    rows = [plan(many, much, inputs).to_row() for many in users for much in chunks]
    return "\n".join([HEADER, *rows])


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.capacity",
        description="Replicas, nodes, GPUs and cost, from measured times.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--users", type=_numbers, default=USERS, metavar="N,…", help="who ask at the same time")
    parser.add_argument("--chunks", type=_numbers, default=CHUNKS, metavar="N,…", help="in the collection")
    parser.add_argument("--inputs", type=Path, default=SHIPPED, help="figures and prices (default: %(default)s)")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [part.replace("_", "") for part in text.split(",")]
    if not all(number.isdecimal() and int(number) for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not one or more whole numbers from 1 up, with commas between")
    return tuple(map(int, numbers))


if __name__ == "__main__":
    sys.exit(main())
