"""Wrong arguments are told in the format of the log."""

import argparse
import json

import pytest

import ingest.commands.parser
import service.mcp
import service.program
from rag.logs import configure_logging
from rag.settings import read_log_settings

_PARSERS = {
    "service": (service.program.build_parser, ["--prot", "9000"]),
    "service keys": (service.program.build_parser, ["keys", "create", "--role", "king"]),
    "service.mcp": (service.mcp.build_parser, ["--port"]),
    "ingest": (ingest.commands.parser.build_parser, ["rum"]),
    "ingest run": (ingest.commands.parser.build_parser, ["run"]),
}


@pytest.mark.usefixtures("logging_restored")
@pytest.mark.parametrize(("program", "case"), _PARSERS.items())
def test_wrong_arguments_are_one_json_line_if_the_log_is_json(program, case, capsys, monkeypatch):
    monkeypatch.setenv("RAG_LOG_FORMAT", "json")
    configure_logging(read_log_settings())
    fail(*case)
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["event"]) == ("critical", "program_failed")
    assert line["text"].startswith(f"python -m {program}")
    assert "--help` describes the arguments." in line["text"]


@pytest.mark.parametrize(("program", "case"), _PARSERS.items())
def test_wrong_arguments_are_told_a_person_with_the_usage(program, case, capsys):
    fail(*case)
    usage, error = capsys.readouterr().err.rstrip().rsplit("\n", 1)
    assert usage.startswith(f"usage: python -m {program.split()[0]}")
    assert error.startswith(f"python -m {program}")


def test_an_ipv6_address_may_have_the_brackets_of_a_url():
    assert service.program.build_parser().parse_args(["--host", "[::1]"]).host == "::1"


def fail(build_parser, arguments: list[str]) -> None:
    parser: argparse.ArgumentParser = build_parser()
    with pytest.raises(SystemExit) as end:
        parser.parse_args(arguments)
    assert end.value.code == 2
