"""The command `python -m loadtests`: an open loop of requests, over a service that is started here or runs already."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from loadtests.arrivals import read_questions
from loadtests.drawing import draw_run, draw_steps
from loadtests.figures import DEFINITIONS
from loadtests.knee import find_knee
from loadtests.limits import SHIPPED, Limits
from loadtests.measuring import Bench, open_target
from loadtests.page import Report, to_html
from loadtests.programs import NotStarted
from loadtests.report import Result
from loadtests.stand_in import add_pace, to_pace

_EXAMPLES = """examples:
  python -m loadtests run --rate 5 --seconds 60                     starts the service and a stand-in model itself
  python -m loadtests run --rate 20 --ttft 1 --tpot 0.05            with a slower model
  python -m loadtests run --url http://127.0.0.1:8000 --rate 0.5    a service that runs already, with its own model
  python -m loadtests knee --start 4 --seconds 20                   the highest rate that is served well, and 4 x it"""


def main() -> int:
    arguments = build_parser().parse_args()
    try:
        good = uvloop.run(arguments.measure(arguments))
    except (NotStarted, ValueError, OSError) as error:
        print(f"loadtests: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if good else 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests",
        description="Load on the service from an open loop.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="one rate for a while; exits with 1 where a threshold is missed")
    run.add_argument("--rate", type=float, default=4.0, help="requests a second (default: %(default)s)")
    run.add_argument("--seconds", type=float, default=60.0, help="of arrivals (default: %(default)s)")
    run.set_defaults(measure=_run)
    knee = commands.add_parser("knee", help="the highest rate that is served well, and what happens at 4 x that")
    knee.add_argument("--start", type=float, default=4.0, help="first rate (default: %(default)s)")
    knee.add_argument("--most", type=float, default=200.0, help="last rate (default: %(default)s)")
    knee.add_argument("--seconds", type=float, default=20.0, help="of each step (default: %(default)s)")
    knee.set_defaults(measure=_find_knee)
    for command in (run, knee):
        _add_common(command)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--url", help="a service that runs already; unset: one is started")
    command.add_argument("--api-key", help="sent as a bearer token, with --url")
    command.add_argument("--documents", type=Path, default=Path("docs"), help="taken in first (default: %(default)s)")
    command.add_argument("--questions", type=Path, help="a file, one to a line; unset: the headings of the documents")
    command.add_argument(
        "--limits", type=Path, default=SHIPPED, help="objectives and thresholds (default: %(default)s)"
    )
    command.add_argument("--out", type=Path, default=Path(".load"), help="folder of reports (default: %(default)s)")
    add_pace(command.add_argument_group("the stand-in model"))


async def _run(arguments: argparse.Namespace) -> bool:
    with _bench(arguments) as bench:
        await bench.warm()
        result = await bench.measure(arguments.rate, arguments.seconds)
    _publish(result, draw_run(result.run), arguments.out / "report")
    return result.is_good


async def _find_knee(arguments: argparse.Namespace) -> bool:
    with _bench(arguments) as bench:
        await bench.warm()

        async def measure(rate: float) -> Result:
            step = await bench.measure(rate, arguments.seconds)
            goodput, ttft = step.figures.goodput_share, step.figures.ttft.p95
            print(f"{rate:.1f}/s: goodput {goodput:.1%} of it, TTFT p95 {ttft:.3f} s", flush=True)
            return step

        knee = await find_knee(measure, bench.limits.objectives, start=arguments.start, most=arguments.most)
    pictures = [draw_steps([step.figures for step in knee.steps], knee.objectives)]
    _publish(knee, pictures + (draw_run(knee.beyond.run) if knee.beyond else []), arguments.out / "knee")
    return knee.is_good


@contextmanager
def _bench(arguments: argparse.Namespace) -> Iterator[Bench]:
    limits, pace = Limits.read(arguments.limits), to_pace(arguments)
    questions = read_questions(arguments.questions or arguments.documents)
    with open_target(arguments.url, arguments.documents, arguments.out / "data", pace) as target:
        yield Bench(
            target=target,
            questions=questions,
            limits=limits,
            seed=arguments.seed,
            api_key=arguments.api_key,
            pace=None if arguments.url else pace,
        )


def _publish(report: Report, pictures: Sequence[str], path: Path) -> None:
    """`path`: of the files, without what tells them apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(report.to_json(), indent=2) + "\n")
    path.with_suffix(".html").write_text(to_html(report, pictures))
    # For a page that shows the result and not all of the report.
    path.with_suffix(".svg").write_text(pictures[0])
    print(f"\n{report.to_table()}\n")
    print("\n".join(f"{name}: {text}" for name, text in DEFINITIONS.items()))
    print(f"\n{report.verdict}\nReports: {path.with_suffix('.html')}, {path.with_suffix('.json')}")
