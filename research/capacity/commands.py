"""`python -m research capacity-check` and `gpu-roofline`."""

import argparse
from pathlib import Path

import uvloop

from evals.commands import Commands
from loadtests.inputs import SHIPPED, Inputs
from rag.errors import Misconfigured
from service.settings import Settings

EXAMPLES = """  python -m research capacity-check --rounds 3 --seconds 60          the queueing model against the real service
  python -m research gpu-roofline                                    the plan's GPU against the GPU of this machine"""


def add_commands(commands: Commands) -> None:
    checked = commands.add_parser("capacity-check", help="predictions beside what a load test sees, at three loads")
    checked.add_argument("--rounds", type=int, default=3, help="of all three, interleaved (default: %(default)s)")
    checked.add_argument("--seconds", type=float, default=60.0, help="of arrivals in each (default: %(default)s)")
    checked.add_argument("--documents", type=Path, default=Path("docs/adr"), help="taken in (default: %(default)s)")
    checked.add_argument("--out", type=Path, default=Path(".load/capacity"), help="folder (default: %(default)s)")
    checked.set_defaults(run=_check)
    gpu = commands.add_parser(
        "gpu-roofline", help="a decoder of the model's size on this machine's GPU, beside the roofline"
    )
    gpu.add_argument("--inputs", type=Path, default=SHIPPED, help="figures and prices (default: %(default)s)")
    gpu.set_defaults(run=_measure_gpu)


def _check(arguments: argparse.Namespace, _: Settings) -> None:
    from research.capacity.checking import check  # noqa: PLC0415 - it draws and watches: the table needs no such package

    uvloop.run(check(arguments.documents, arguments.out, rounds=arguments.rounds, seconds=arguments.seconds))


def _measure_gpu(arguments: argparse.Namespace, _: Settings) -> None:
    import torch  # noqa: PLC0415 - likewise

    from research.capacity.roofline import HEADER as ROOFLINE  # noqa: PLC0415
    from research.capacity.roofline import measure  # noqa: PLC0415

    if not torch.cuda.is_available():
        raise Misconfigured(
            f"torch {torch.__version__} sees no GPU here. It takes one with 40 GiB, and torch with CUDA."
        )
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n\n{ROOFLINE}")
    for row in measure(Inputs.read(arguments.inputs), "cuda"):
        print(row.to_row(), flush=True)
