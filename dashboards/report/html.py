"""The report as one HTML file that can be sent: the pictures are inside."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from dashboards.report.figures import Figure
from dashboards.report.prometheus import Span
from dashboards.report.units import written

_STYLE = """
body { max-width: 66rem; margin: 2rem auto; padding: 0 1.5rem; color: #18211b; font: 1rem/1.5 sans-serif; }
figure { margin: 2.5rem 0; } img { max-width: 100%; } figcaption p, .span { color: #56625a; }
h1, h2, p { margin: 0 0 0.25rem; } h2 { font-size: 1.125rem; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 2rem 0.25rem 0; border-top: 1px solid #e1e6e2; text-align: left; }
"""


def to_html(drawn: Sequence[tuple[Figure, bytes]], span: Span, source: str) -> str:
    """`drawn`: each figure and its picture; `source`: where the numbers are from."""
    when = f"{_time(span.start)} to {_time(span.end)} UTC"
    sections = "\n".join(_section(figure, picture) for figure, picture in drawn)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Groundwork, {when}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>Groundwork</h1>\n<p class="span">{when}, from {escape(source)}</p>\n{sections}\n</body>\n</html>\n'
    )


def _section(figure: Figure, picture: bytes) -> str:
    panel = figure.panel
    encoded = base64.b64encode(picture).decode()
    rows = "".join(
        f'<tr><th scope="row">{escape(line.name)}</th>'
        f"<td>{written(line.last, panel.unit)}</td><td>{written(line.highest, panel.unit)}</td></tr>"
        for line in figure.lines
    )
    heads = "<tr><th>Series</th><th>At the end</th><th>At most</th></tr>"
    left_out = f"<p>{figure.left_out} lower ones are left out.</p>" if figure.left_out else ""
    numbers = f"<table>{heads}{rows}</table>{left_out}" if rows else "<p>Nothing in this time.</p>"
    return (
        f"<figure>\n<figcaption><h2>{escape(panel.title)}</h2><p>{escape(panel.description)}</p></figcaption>\n"
        f'<img alt="{escape(panel.title)}: the numbers are in the table below" src="data:image/png;base64,{encoded}">\n'
        f"{numbers}\n</figure>"
    )


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
