"""`python -m loadtests`: an open-loop load test of the service, over its parts or over a running one."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import uvloop

from loadtests.arrivals import poisson, read_questions, zipf
from loadtests.asking import service_at
from loadtests.figures import DEFINITIONS, Figures
from loadtests.limits import SHIPPED, Limits, why_invalid
from loadtests.open_loop import Run, run_open_loop
from loadtests.page import to_html
from loadtests.programs import Installation, NotStarted, installation
from loadtests.report import Result
from loadtests.stand_in import add_pace, to_pace
from loadtests.watching import Watched, watch

_EXAMPLES = """examples:
  python -m loadtests run --rate 5 --seconds 60                     starts the service and a stand-in model itself
  python -m loadtests run --rate 20 --ttft 1 --tpot 0.05            with a slower model
  python -m loadtests run --url http://127.0.0.1:8000 --rate 0.5    a service that runs already, with its own model"""
_WARM = 8


def main() -> int:
    arguments = _parse_arguments()
    try:
        result = uvloop.run(_run(arguments))
    except (NotStarted, ValueError, OSError) as error:
        print(f"loadtests: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    _write(result, arguments.out)
    _print(result, arguments.out)
    return 0 if result.is_good else 1


def _parse_arguments() -> argparse.Namespace:
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
    run.add_argument("--url", help="a service that runs already; unset: one is started")
    run.add_argument("--api-key", help="sent as a bearer token, with --url")
    run.add_argument("--documents", type=Path, default=Path("docs"), help="what is taken in (default: %(default)s)")
    run.add_argument("--questions", type=Path, help="a file, one to a line; unset: the headings of the documents")
    run.add_argument("--limits", type=Path, default=SHIPPED, help="objectives and thresholds (default: %(default)s)")
    run.add_argument("--out", type=Path, default=Path(".load"), help="folder of reports (default: %(default)s)")
    add_pace(run.add_argument_group("the stand-in model"))
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> Result:
    limits = Limits.read(arguments.limits)
    with _target(arguments) as target:
        run, watched = await _measure(target, arguments)
    figures = Figures.of(run, limits.objectives)
    return Result(
        configuration=_configuration(arguments, target) | asdict(limits.objectives),
        figures=figures,
        watched=watched,
        invalid=why_invalid(figures, watched.cores["client"]),
        missed=limits.missed_by(figures),
        run=run,
    )


@contextmanager
def _target(arguments: argparse.Namespace) -> Iterator[Installation]:
    if arguments.url:
        yield Installation(service=arguments.url.rstrip("/"), model="", processes={})
    else:
        with installation(arguments.documents, arguments.out / "data", to_pace(arguments)) as started:
            yield started


async def _measure(target: Installation, arguments: argparse.Namespace) -> tuple[Run, Watched]:
    """What the first requests wait for, such as connections and caches, is left out."""
    questions = zipf(read_questions(arguments.questions or arguments.documents), seed=arguments.seed)
    asked = service_at(target.service, api_key=arguments.api_key)
    await run_open_loop(asked, [n / 2 for n in range(_WARM)], questions, seconds=_WARM / 2)
    arrivals = poisson(arguments.rate, arguments.seconds, seed=arguments.seed)
    async with watch(target.service, target.processes) as watched:
        run = await run_open_loop(asked, arrivals, questions, seconds=arguments.seconds)
    return run, watched


def _configuration(arguments: argparse.Namespace, target: Installation) -> dict[str, object]:
    given = {"rate": arguments.rate, "seconds": arguments.seconds, "seed": arguments.seed, "service": target.service}
    return given | ({"model": asdict(to_pace(arguments))} if target.model else {})


def _write(result: Result, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(result.to_json(), indent=2) + "\n")
    (folder / "report.html").write_text(to_html(result))


def _print(result: Result, folder: Path) -> None:
    print(result.to_table())
    print("\n" + "\n".join(f"{name}: {text}" for name, text in DEFINITIONS.items()))
    print(f"\n{result.verdict}\nReports: {folder / 'report.html'}, {folder / 'report.json'}")


if __name__ == "__main__":
    sys.exit(main())
