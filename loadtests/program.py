"""The command `python -m loadtests`: an open-loop load test of a service that it starts, or that already runs."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from loadtests.arrivals import read_questions
from loadtests.knee import find_knee
from loadtests.limits import DEFAULT_FILE, Limits
from loadtests.load_test import LoadTest, open_target
from loadtests.metrics import DEFINITIONS
from loadtests.page import Report, to_html
from loadtests.plots import plot_run, plot_steps
from loadtests.report import LoadResult
from loadtests.stand_in import add_delay_flags, read_delays
from tests.support.programs import StartFailed

_EXAMPLES = """examples:
  python -m loadtests run --rate 5 --seconds 60                     starts the service and a stand-in model
  python -m loadtests run --rate 20 --ttft 1 --tpot 0.05            simulates a slower model
  python -m loadtests run --url http://127.0.0.1:8000 --rate 0.5    tests a running service with its own model
  python -m loadtests knee --start 4 --seconds 20                   finds the highest rate that is served well"""


def main() -> int:
    arguments = build_parser().parse_args()
    try:
        is_good = uvloop.run(arguments.measure(arguments))
    except (StartFailed, ValueError, OSError) as error:
        print(f"loadtests: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if is_good else 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests",
        description="Sends questions to the service in an open loop and reports latency and goodput.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run at a constant rate; exit with 1 if a threshold is missed")
    run.add_argument("--rate", type=float, default=4.0, help="requests per second (default: %(default)s)")
    run.add_argument("--seconds", type=float, default=60.0, help="duration of arrivals (default: %(default)s)")
    run.set_defaults(measure=_run)
    knee = commands.add_parser("knee", help="find the highest rate that is served well, then test 4 times that rate")
    knee.add_argument("--start", type=float, default=4.0, help="first rate (default: %(default)s)")
    knee.add_argument("--most", type=float, default=200.0, help="highest rate to try (default: %(default)s)")
    knee.add_argument("--seconds", type=float, default=20.0, help="duration of each step (default: %(default)s)")
    knee.set_defaults(measure=_find_knee)
    for command in (run, knee):
        _add_common(command)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--url", help="base URL of a running service (default: start one)")
    command.add_argument("--api-key", help="bearer token for --url")
    command.add_argument(
        "--documents", type=Path, default=Path("docs"), help="documents to ingest first (default: %(default)s)"
    )
    command.add_argument(
        "--questions", type=Path, help="file with one question per line (default: the headings of the documents)"
    )
    command.add_argument(
        "--limits",
        type=Path,
        default=DEFAULT_FILE,
        help="TOML file of limits and thresholds (default: %(default)s)",
    )
    command.add_argument("--out", type=Path, default=Path(".load"), help="folder of the reports (default: %(default)s)")
    add_delay_flags(command.add_argument_group("stand-in model"))


async def _run(arguments: argparse.Namespace) -> bool:
    with _open_load_test(arguments) as load_test:
        await load_test.warm_up()
        result = await load_test.measure(arguments.rate, arguments.seconds)
    _publish(result, plot_run(result.run), arguments.out / "report")
    return result.is_good


async def _find_knee(arguments: argparse.Namespace) -> bool:
    with _open_load_test(arguments) as load_test:
        await load_test.warm_up()

        async def measure(rate: float) -> LoadResult:
            step = await load_test.measure(rate, arguments.seconds)
            goodput, ttft = step.metrics.goodput_share, step.metrics.ttft.p95
            print(f"{rate:.1f}/s: goodput {goodput:.1%}, TTFT p95 {ttft:.3f} s", flush=True)
            return step

        knee = await find_knee(measure, load_test.limits.objectives, start=arguments.start, most=arguments.most)
    plots = [plot_steps([step.metrics for step in knee.steps], knee.objectives)]
    _publish(knee, plots + (plot_run(knee.overload.run) if knee.overload else []), arguments.out / "knee")
    return knee.is_good


@contextmanager
def _open_load_test(arguments: argparse.Namespace) -> Iterator[LoadTest]:
    limits, delays = Limits.read(arguments.limits), read_delays(arguments)
    questions = read_questions(arguments.questions or arguments.documents)
    with open_target(arguments.url, arguments.documents, arguments.out / "data", delays) as target:
        yield LoadTest(
            target=target,
            questions=questions,
            limits=limits,
            seed=arguments.seed,
            api_key=arguments.api_key,
            delays=None if arguments.url else delays,
        )


def _publish(report: Report, plots: Sequence[str], path: Path) -> None:
    """Print the report and write it as JSON, HTML and SVG. `path` has no suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(report.to_json(), indent=2) + "\n")
    path.with_suffix(".html").write_text(to_html(report, plots))
    # Documentation pages show the first plot without the rest of the report.
    path.with_suffix(".svg").write_text(plots[0])
    print(f"\n{report.to_table()}\n")
    print("\n".join(f"{name}: {text}" for name, text in DEFINITIONS.items()))
    print(f"\n{report.verdict}\nReports: {path.with_suffix('.html')}, {path.with_suffix('.json')}")
