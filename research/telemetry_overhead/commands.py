"""`python -m research telemetry-overhead`."""

import argparse

from evals.commands import Commands, add_json, print_table
from research.telemetry_overhead import telemetry
from service.settings import Settings

EXAMPLES = "  python -m research telemetry-overhead --rounds 40                  measures the cost of telemetry"


def add_commands(commands: Commands) -> None:
    costs = commands.add_parser("telemetry-overhead", help="measure the cost of metrics, logs and traces per request")
    costs.add_argument("--rounds", type=int, default=40, help="number of rounds (default: %(default)s)")
    costs.add_argument("--requests", type=int, default=60, help="requests per variant and round (default: %(default)s)")
    costs.set_defaults(run=_telemetry)
    add_json(costs)


def _telemetry(arguments: argparse.Namespace, settings: Settings) -> None:
    costs, renderings = telemetry.measure_telemetry(
        settings.models_dir, rounds=arguments.rounds, requests=arguments.requests
    )
    print_table(telemetry.HEADER, costs, arguments.json)
    print()
    print_table(telemetry.RENDERING_HEADER, renderings, None)
