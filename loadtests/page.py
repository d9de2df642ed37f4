"""A run as one HTML file that can be sent: the pictures are inside."""

from html import escape

from loadtests.drawing import draw_run
from loadtests.figures import DEFINITIONS
from loadtests.report import Result

_STYLE = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1.5rem; color: #18211b; font: 1rem/1.5 sans-serif; }
pre { overflow-x: auto; font-size: 0.875rem; } figure { margin: 1.5rem 0; } svg { max-width: 100%; height: auto; }
dt { font-weight: bold; } dd { margin: 0 0 0.5rem; } .missed { color: #a1260d; }
"""


def to_html(result: Result) -> str:
    pictures = "".join(f"<figure>{svg}</figure>\n" for svg in draw_run(result.run))
    settings = "\n".join(f"{name}: {value}" for name, value in result.configuration.items())
    definitions = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>\n" for name, text in DEFINITIONS.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Load test</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Load test</h1>\n"
        f'<pre class="{"kept" if result.is_good else "missed"}">{escape(result.verdict)}</pre>\n'
        f"<pre>{escape(result.to_table())}</pre>\n{pictures}"
        f"<h2>What was run</h2>\n<pre>{escape(settings)}</pre>\n"
        f"<h2>Definitions</h2>\n<dl>\n{definitions}</dl>\n</body>\n</html>\n"
    )
