"""`python -m dashboards.report`: draws the most important panels of the dashboards from a Prometheus."""

import argparse
import re
import sys
import time
from pathlib import Path

from dashboards.report.choice import chosen_panels
from dashboards.report.drawing import draw_png
from dashboards.report.figures import Figure, read_figure
from dashboards.report.html import to_html
from dashboards.report.prometheus import Span, Unanswered, open_prometheus, parse_duration

_EXAMPLES = """examples:
  python -m dashboards.report
  python -m dashboards.report --prometheus http://prometheus:9090 --since 6h --out incident
"""


def main() -> int:
    arguments = _parse_arguments()
    try:
        figures, span = _read(arguments.prometheus, arguments.since)
        drawn = [(figure, draw_png(figure, span)) for figure in figures]
    except Unanswered as error:
        return _failed(str(error))
    except ImportError:
        return _failed("Pictures need matplotlib: make setup-dev installs it.")
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    for figure, picture in drawn:
        (out / f"{_slug(figure.panel.title)}.png").write_bytes(picture)
    (out / "report.html").write_text(to_html(drawn, span, arguments.prometheus), encoding="utf-8")
    empty = [figure.panel.title for figure in figures if not figure.lines]
    sys.stdout.write(f"{len(drawn)} graphs in {out / 'report.html'}\n")
    if empty:
        sys.stdout.write(f"Nothing in this time: {'; '.join(empty)}\n")
    return 0


def _read(url: str, seconds: float) -> tuple[list[Figure], Span]:
    with open_prometheus(url) as prometheus:
        scrape_seconds = prometheus.scrape_seconds()
        span = prometheus.span(end=time.time(), seconds=seconds)
        figures = [read_figure(prometheus, panel, span, scrape_seconds=scrape_seconds) for panel in chosen_panels()]
    return figures, span


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower().replace("'", "")).strip("-")


def _failed(sentence: str) -> int:
    sys.stderr.write(f"report: {sentence}\n")
    return 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m dashboards.report",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="default: %(default)s")
    parser.add_argument(
        "--since", type=_duration, default="1h", metavar="TIME", help="how far back: 30m, 6h, 7d (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path(".report"), metavar="FOLDER", help="default: %(default)s")
    return parser.parse_args()


def _duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if seconds < 1:
        raise argparse.ArgumentTypeError("it must be a second at least")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
