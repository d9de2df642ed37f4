"""`python -m ingest dead-letter`: lists, replays and deletes the entries that failed for good."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from ingest.commands.base import Commands, add_command_parser
from ingest.settings import Settings
from rag.errors import InvalidInput, NotFound
from rag.inbox.base import DeadLetter
from rag.inbox.factory import open_inbox

_SHORT_ID = 8

_HELP = """Handles dead letters: entries of the inbox that a worker could not ingest.
Each keeps the document's bytes and the reason, so it can be replayed after the cause is fixed.

examples:
  python -m ingest dead-letter list
  python -m ingest dead-letter show 3f2a9c01        reason and traceback of one
  python -m ingest dead-letter replay 3f2a9c01      queue it again
  python -m ingest dead-letter replay all
  python -m ingest dead-letter drop 3f2a9c01        delete it with its bytes

needs: the inbox. It needs neither a worker nor a model."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(
        commands, "dead-letter", run, "list, show, replay or drop documents that failed", _HELP
    )
    command.add_argument("action", choices=["list", "show", "replay", "drop"])
    command.add_argument(
        "ids", nargs="*", metavar="ID", help="the ID that `list` shows, or its first characters; `all` for all of them"
    )
    command.add_argument("--json", action="store_true", help="print JSON (list and show)")


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    async with open_inbox(settings.inbox, root=settings.inbox_dir) as inbox:
        letters = await inbox.dead_letters()
        if arguments.action == "list":
            print(_to_json(letters) if arguments.json else _to_table(letters))
            return 0
        selected = _select(letters, arguments.ids, arguments.action)
        if arguments.action == "show":
            print(_to_json(selected) if arguments.json else "\n\n".join(map(_to_text, selected)))
            return 0
        act, result = (inbox.replay, "replayed") if arguments.action == "replay" else (inbox.drop, "dropped")
        for letter in selected:
            await act(letter.id)
        print(f"{len(selected)} {result}")
    return 0


def _select(letters: Sequence[DeadLetter], ids: Sequence[str], action: str) -> Sequence[DeadLetter]:
    if not ids:
        raise InvalidInput(f"An ID is missing. Use `python -m ingest dead-letter {action} ID…`, or `all` as the ID.")
    return letters if list(ids) == ["all"] else [_find(letters, letter_id) for letter_id in ids]


def _find(letters: Sequence[DeadLetter], letter_id: str) -> DeadLetter:
    matching = [letter for letter in letters if letter.id.startswith(letter_id)]
    if len(matching) != 1:
        raise NotFound(
            f"{len(matching) or 'No'} dead letters have an ID that begins with {letter_id}. "
            "`python -m ingest dead-letter list` shows the IDs."
        )
    return matching[0]


def _to_json(letters: Sequence[DeadLetter]) -> str:
    return json.dumps([asdict(letter) for letter in letters])


def _to_table(letters: Sequence[DeadLetter]) -> str:
    if not letters:
        return "No dead letters."
    return "\n".join(
        f"{letter.id[:_SHORT_ID]}  {_time(letter)}  {letter.document_id}: {letter.reason}" for letter in letters
    )


def _to_text(letter: DeadLetter) -> str:
    head = (
        f"{letter.id}\n{letter.kind} of {letter.document_id} ({letter.uri}), tenant {letter.scope.tenant}\n"
        f"failed {_time(letter)} after {letter.attempts} attempts: {letter.reason}"
    )
    return f"{head}\n{letter.trace}" if letter.trace else head


def _time(letter: DeadLetter) -> str:
    return f"{datetime.fromtimestamp(letter.failed_at, UTC):%Y-%m-%d %H:%M:%S}"
