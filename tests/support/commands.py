"""Runs commands of `python -m ingest` in the process of the test, which saves a second for each program."""

import asyncio
import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from ingest.commands.parser import build_parser
from ingest.settings import ParsingSettings, Settings


def run_command(*arguments: str, data_dir: Path, **settings: Any) -> tuple[int, str]:
    """Return the exit status of a command and its standard output. Raise the error that would end the program."""
    # These commands parse few documents, and each parser process needs most of a second to start.
    settings = {"data_dir": data_dir, "parsing": ParsingSettings(processes=1)} | settings
    parsed = build_parser(arguments[:1]).parse_args(arguments)
    # Without the configuration of a program, log lines would go to standard output too.
    with redirect_stdout(io.StringIO()) as output, capture_logs():
        status = asyncio.run(parsed.run(parsed, Settings(**settings)))
    return status, output.getvalue()


def read_json(*arguments: str, data_dir: Path, **settings: Any) -> dict[str, Any]:
    """Return what a command prints with `--json`."""
    _, output = run_command(*arguments, "--json", data_dir=data_dir, **settings)
    result: dict[str, Any] = json.loads(output)
    return result
