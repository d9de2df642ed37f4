"""A report as one HTML file. The plots are embedded, so the file can be sent as it is."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

from loadtests.metrics import DEFINITIONS

_STYLE = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1.5rem; color: #18211b; font: 1rem/1.5 sans-serif; }
pre { overflow-x: auto; font-size: 0.875rem; } figure { margin: 1.5rem 0; } svg { max-width: 100%; height: auto; }
dt { font-weight: bold; } dd { margin: 0 0 0.5rem; } .bad { color: #a1260d; }
"""


class Report(Protocol):
    """A result that can be written as a table, as JSON and as an HTML page."""

    @property
    def configuration(self) -> Mapping[str, Any]: ...

    @property
    def is_good(self) -> bool: ...

    @property
    def verdict(self) -> str: ...

    def to_table(self) -> str: ...

    def to_json(self) -> Any: ...


def to_html(report: Report, plots: Sequence[str]) -> str:
    """Return the page. `plots` are SVG elements."""
    figures = "".join(f"<figure>{svg}</figure>\n" for svg in plots)
    settings = "\n".join(f"{name}: {value}" for name, value in report.configuration.items())
    definitions = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>\n" for name, text in DEFINITIONS.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Load test</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Load test</h1>\n"
        f'<pre class="{"good" if report.is_good else "bad"}">{escape(report.verdict)}</pre>\n'
        f"<pre>{escape(report.to_table())}</pre>\n{figures}"
        f"<h2>Configuration</h2>\n<pre>{escape(settings)}</pre>\n"
        f"<h2>Definitions</h2>\n<dl>\n{definitions}</dl>\n</body>\n</html>\n"
    )
