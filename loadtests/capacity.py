"""`python -m loadtests.capacity`: what it takes for how many users and chunks; docs/capacity.md explains it."""

import argparse
import sys
from pathlib import Path

import uvloop

from loadtests.inputs import SHIPPED, Inputs
from loadtests.planning import HEADER, plan
from loadtests.programs import NotStarted

USERS = (1, 100, 10_000)
CHUNKS = (500_000, 10_000_000, 1_000_000_000)

_EXAMPLES = """examples:
  python -m loadtests.capacity                                   the table of docs/capacity.md
  python -m loadtests.capacity --users 300 --chunks 2000000      one row
  python -m loadtests.capacity --inputs ours.toml                with other figures and prices
  python -m loadtests.capacity check --rounds 3 --seconds 60     the queueing model against the real service
  python -m loadtests.capacity gpu                               what the plan takes a GPU for against this machine's"""


def main() -> int:
    arguments = _parse_arguments()
    try:
        if arguments.command == "check":
            _check(arguments)
        elif arguments.command == "gpu":
            _measure_gpu(Inputs.read(arguments.inputs))
        else:
            print(to_table(Inputs.read(arguments.inputs), users=arguments.users, chunks=arguments.chunks))
    except ModuleNotFoundError as error:
        print(f"capacity: {error.name} is not installed. `make setup-dev` installs what this needs.", file=sys.stderr)
        return 2
    except (NotStarted, ValueError, OSError) as error:
        print(f"capacity: {error}", file=sys.stderr)
        return 2
    return 0


def _check(arguments: argparse.Namespace) -> None:
    from loadtests.checking import check  # noqa: PLC0415 - it draws and watches: the table needs no such package

    uvloop.run(check(arguments.documents, arguments.out, rounds=arguments.rounds, seconds=arguments.seconds))


def _measure_gpu(inputs: Inputs) -> None:
    import torch  # noqa: PLC0415 - likewise

    from loadtests.roofline import HEADER as ROOFLINE  # noqa: PLC0415
    from loadtests.roofline import measure  # noqa: PLC0415

    if not torch.cuda.is_available():
        raise ValueError(f"torch {torch.__version__} sees no GPU here. It takes one with 40 GiB, and torch with CUDA.")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n\n{ROOFLINE}")
    for row in measure(inputs, "cuda"):
        print(row.to_row(), flush=True)


def to_table(inputs: Inputs, *, users: tuple[int, ...] = USERS, chunks: tuple[int, ...] = CHUNKS) -> str:
    rows = [plan(many, much, inputs).to_row() for many in users for much in chunks]
    return "\n".join([HEADER, *rows])


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.capacity",
        description="Replicas, nodes, GPUs and cost, from measured times.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--users", type=_numbers, default=USERS, metavar="N,…", help="who ask at the same time")
    parser.add_argument("--chunks", type=_numbers, default=CHUNKS, metavar="N,…", help="in the collection")
    parser.add_argument("--inputs", type=Path, default=SHIPPED, help="figures and prices (default: %(default)s)")
    commands = parser.add_subparsers(dest="command")
    checked = commands.add_parser("check", help="predictions beside what a load test sees, at three loads")
    checked.add_argument("--rounds", type=int, default=3, help="of all three, interleaved (default: %(default)s)")
    checked.add_argument("--seconds", type=float, default=60.0, help="of arrivals in each (default: %(default)s)")
    checked.add_argument("--documents", type=Path, default=Path("docs/adr"), help="taken in (default: %(default)s)")
    checked.add_argument("--out", type=Path, default=Path(".load/capacity"), help="folder (default: %(default)s)")
    commands.add_parser("gpu", help="a decoder of the model's size on this machine's GPU, beside the roofline")
    return parser.parse_args()


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [part.replace("_", "") for part in text.split(",")]
    if not all(number.isdecimal() and int(number) for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not one or more whole numbers from 1 up, with commas between")
    return tuple(map(int, numbers))


if __name__ == "__main__":
    sys.exit(main())
