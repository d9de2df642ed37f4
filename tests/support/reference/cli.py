"""The page of commands, read off the argparse parsers of the programs."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import evals.program
import ingest.commands.parser
import loadtests.capacity.table
import loadtests.program
import service.mcp
import service.program
from tests.support.reference.markdown import NOTICE, join_blocks, to_sentences, to_table

_ROOT = Path(__file__).parents[3]
_INTRODUCTION = """\
Run the programs from the repository's root with `.venv/bin/python -m NAME`.
An installed package also provides `groundwork-service` and `groundwork-ingest`.
Each program and each command prints its own help with `--help`."""
_PARSERS = (
    service.program.build_parser,
    service.mcp.build_parser,
    ingest.commands.parser.build_parser,
    evals.program.build_parser,
    loadtests.program.build_parser,
    loadtests.capacity.table.build_parser,
)


def render_page() -> str:
    sections = [block for build_parser in _PARSERS for block in _program(build_parser())]
    return join_blocks(["# Command line", NOTICE, _INTRODUCTION, *sections])


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each direct subcommand by its name."""
    return {name: command for action in _subcommands(parser) for name, command in action.choices.items()}


def _program(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## `{parser.prog}`"
    yield to_sentences(parser.description or "")
    yield _arguments(parser)
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```"
    yield from _commands(parser)


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in _subcommands(parser):
        summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            yield f"### `{command.prog.removeprefix('python -m ')}`"
            yield to_sentences(command.description or _sentence(summaries.get(name, "")))
            yield _arguments(command)
            if command.epilog:
                yield f"```text\n{command.epilog.strip()}\n```"
            yield from _commands(command)


def _arguments(parser: argparse.ArgumentParser) -> str:
    listed = [
        action
        for action in parser._actions
        if not isinstance(action, (argparse._HelpAction, argparse._SubParsersAction))
        and action.help != argparse.SUPPRESS
    ]
    return to_table(("argument", "default", "description"), [_to_row(action, parser) for action in listed])


def _to_row(action: argparse.Action, parser: argparse.ArgumentParser) -> tuple[str, str, str]:
    text = (action.help or "").replace(" (default: %(default)s)", "").replace("(default: %(default)s)", "")
    return f"`{_usage_of(action)}`", _default_of(action), _expand(text, action, parser)


def _usage_of(action: argparse.Action) -> str:
    name = ", ".join(action.option_strings)
    if action.nargs == 0:
        return name
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
    value = action.metavar or choices or action.dest.upper()
    value = " ".join(value) if isinstance(value, tuple) else value
    if action.nargs in {"*", "+"}:
        value = f"{value} …"
    return f"{name} {value}".strip()


def _default_of(action: argparse.Action) -> str:
    default: Any = action.default
    if action.required:
        return "required"
    if default in (None, argparse.SUPPRESS, False) or default == []:
        return ""
    if isinstance(default, Path):
        default = default.relative_to(_ROOT) if default.is_relative_to(_ROOT) else default
    return f"`{','.join(map(str, default)) if isinstance(default, (list, tuple)) else default}`"


def _expand(text: str, action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    return text % (vars(action) | {"prog": parser.prog, "choices": ", ".join(map(str, action.choices or ()))})


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}" if text else ""


def _subcommands(parser: argparse.ArgumentParser) -> list["argparse._SubParsersAction[argparse.ArgumentParser]"]:
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
