"""`python -m research capacity-check` and `gpu-roofline`."""

import argparse
from pathlib import Path

import uvloop

from evals.commands import Commands
from loadtests.capacity.inputs import DEFAULT_FILE, CapacityInputs
from rag.errors import Misconfigured
from service.settings import Settings

EXAMPLES = """  python -m research capacity-check --rounds 3 --seconds 60          compares the queueing model
  python -m research gpu-roofline                                    compares the roofline with this GPU"""


def add_commands(commands: Commands) -> None:
    check = commands.add_parser("capacity-check", help="compare the queueing model with the service at three loads")
    check.add_argument("--rounds", type=int, default=3, help="rounds over all three loads (default: %(default)s)")
    check.add_argument("--seconds", type=float, default=60.0, help="duration of each run (default: %(default)s)")
    check.add_argument(
        "--documents", type=Path, default=Path("docs/adr"), help="documents to ingest first (default: %(default)s)"
    )
    check.add_argument(
        "--out", type=Path, default=Path(".load/capacity"), help="folder of the results (default: %(default)s)"
    )
    check.set_defaults(run=_check)
    gpu = commands.add_parser(
        "gpu-roofline", help="time a decoder of the planned size on this machine's GPU and compare it with the roofline"
    )
    gpu.add_argument(
        "--inputs", type=Path, default=DEFAULT_FILE, help="TOML file of measurements and prices (default: %(default)s)"
    )
    gpu.set_defaults(run=_measure_gpu)


def _check(arguments: argparse.Namespace, _: Settings) -> None:
    # Imported here because other studies run without matplotlib and psutil.
    from research.capacity.queue_check import check_queue_model  # noqa: PLC0415

    check = check_queue_model(arguments.documents, arguments.out, rounds=arguments.rounds, seconds=arguments.seconds)
    uvloop.run(check)


def _measure_gpu(arguments: argparse.Namespace, _: Settings) -> None:
    # Imported here because torch takes seconds to load.
    import torch  # noqa: PLC0415

    from research.capacity import roofline  # noqa: PLC0415

    if not torch.cuda.is_available():
        raise Misconfigured(
            f"torch {torch.__version__} finds no GPU. Run this on a machine with a GPU of at least 40 GiB, and install "
            "torch with CUDA."
        )
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n\n{roofline.HEADER}")
    for row in roofline.measure_roofline(CapacityInputs.read(arguments.inputs), "cuda"):
        print(row.to_row(), flush=True)
