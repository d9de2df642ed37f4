"""The command `python -m loadtests.capacity`: the machines and costs for a number of users and chunks.

docs/measurements/capacity.md explains the model behind it.
"""

import argparse
import sys
from pathlib import Path

from loadtests.capacity.inputs import DEFAULT_FILE, CapacityInputs
from loadtests.capacity.planning import HEADER, plan

USERS = (1, 100, 10_000)
CHUNKS = (500_000, 10_000_000, 1_000_000_000)

_EXAMPLES = """examples:
  python -m loadtests.capacity                                   prints the table of docs/measurements/capacity.md
  python -m loadtests.capacity --users 300 --chunks 2000000      prints one row
  python -m loadtests.capacity --inputs ours.toml                uses your own measurements and prices"""


def main() -> int:
    arguments = build_parser().parse_args()
    try:
        inputs = CapacityInputs.read(arguments.inputs)
        print(build_table(inputs, user_counts=arguments.users, chunk_counts=arguments.chunks))
    except (ValueError, OSError) as error:
        print(f"capacity: {error}", file=sys.stderr)
        return 2
    return 0


def build_table(
    inputs: CapacityInputs, *, user_counts: tuple[int, ...] = USERS, chunk_counts: tuple[int, ...] = CHUNKS
) -> str:
    rows = [plan(users, chunks, inputs).to_row() for users in user_counts for chunks in chunk_counts]
    return "\n".join([HEADER, *rows])


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.capacity",
        description="Computes replicas, store nodes, GPUs and costs from measured times and prices.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--users", type=_positive_numbers, default=USERS, metavar="N,…", help="concurrent users")
    parser.add_argument(
        "--chunks", type=_positive_numbers, default=CHUNKS, metavar="N,…", help="chunks in the collection"
    )
    parser.add_argument(
        "--inputs", type=Path, default=DEFAULT_FILE, help="TOML file of measurements and prices (default: %(default)s)"
    )
    return parser


def _positive_numbers(text: str) -> tuple[int, ...]:
    numbers = [part.replace("_", "") for part in text.split(",")]
    if not all(number.isdecimal() and int(number) for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not a comma-separated list of positive whole numbers")
    return tuple(map(int, numbers))
