"""`python -m ingest dead-letter`: what was given up, and what to do with it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from rag.errors import InvalidInput, NotFound
from rag.inbox.base import DeadLetter, DeadLetters

_SHORT_ID = 8


async def look_after(inbox: DeadLetters, action: str, ids: Sequence[str], *, as_json: bool) -> str:
    """Carries the action out and says what a person should read; raises `NotFound` for an id that is none."""
    letters = await inbox.dead_letters()
    if action == "list":
        return json.dumps([asdict(letter) for letter in letters]) if as_json else _table(letters)
    if not ids:
        raise InvalidInput(f"Say which: python -m ingest dead-letter {action} ID…, or `all`.")
    chosen = letters if list(ids) == ["all"] else [_find(letters, letter_id) for letter_id in ids]
    if action == "show":
        return json.dumps([asdict(letter) for letter in chosen]) if as_json else "\n\n".join(map(_describe, chosen))
    for letter in chosen:
        await (inbox.replay(letter.id) if action == "replay" else inbox.drop(letter.id))
    return f"{len(chosen)} {'replayed' if action == 'replay' else 'dropped'}"


def _find(letters: Sequence[DeadLetter], letter_id: str) -> DeadLetter:
    found = [letter for letter in letters if letter.id.startswith(letter_id)]
    if len(found) != 1:
        raise NotFound(f"{len(found) or 'No'} dead letters begin with {letter_id}; `dead-letter list` shows them.")
    return found[0]


def _table(letters: Sequence[DeadLetter]) -> str:
    if not letters:
        return "No dead letters."
    return "\n".join(
        f"{letter.id[:_SHORT_ID]}  {_time(letter)}  {letter.document_id}: {letter.reason}" for letter in letters
    )


def _describe(letter: DeadLetter) -> str:
    head = (
        f"{letter.id}\n{letter.kind} of {letter.document_id} ({letter.uri}), tenant {letter.scope.tenant}\n"
        f"given up {_time(letter)} after {letter.attempts} attempts: {letter.reason}"
    )
    return f"{head}\n{letter.trace}" if letter.trace else head


def _time(letter: DeadLetter) -> str:
    return f"{datetime.fromtimestamp(letter.failed_at, UTC):%Y-%m-%d %H:%M:%S}"
