"""The list of generated pages."""

from pathlib import Path

from rag.variables import NAMES_FILE
from tests.support.reference import cli, http_api, metrics, settings

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


def render_files() -> dict[Path, str]:
    """Return the text of each generated file by its path."""
    return {FOLDER / name: text for name, text in render_pages().items()} | {NAMES_FILE: settings.render_names()}


def render_pages() -> dict[str, str]:
    """Return the text of each page by its file name in docs/reference."""
    return {
        "settings.md": settings.render_page(),
        "cli.md": cli.render_page(),
        "http-api.md": http_api.render_page(),
        "metrics.md": metrics.render_page(),
    }
