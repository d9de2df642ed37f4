"""The results of the rolling drill as a Markdown page."""

import statistics
from collections.abc import Mapping, Sequence

from tests.drills.rolling.killing import Series
from tests.drills.rolling.rolling import DELAYS, RollingUpdate

INTRODUCTION = f"""# Rolling updates and killed processes

`make rolling` writes this page. [ADR 34](../adr/0034-zero-downtime.md) describes how a replica stops.
Everything runs on the loopback interface:

- the real service as two replicas, each with its own copy of an embedded collection;
- a real HAProxy in front of them, which calls `/readyz` twice a second and needs two equal results;
- a stand-in for the model that sends {DELAYS.tokens} tokens,
  the first after {DELAYS.ttft:g} s (median) and then one every {DELAYS.tpot:g} s;
- an open-loop load of streams with Poisson arrivals over connections that are kept alive.

A stream fails if its status is not 200, if it breaks, or if it does not end with `done`.
"""
ROLLING = """
## Rolling updates

Each replica in turn gets SIGTERM and is replaced by a process with another prompt version, which its answers name.
Halfway through the drill the next revision of each collection is published.
HAProxy does not retry (`retries 0`), so every failure is visible.
The second row is without `RAG_DRAIN_DELAY_SECONDS` and shows why that setting exists.

| delay | replaced | streams | failed | errors counted by HAProxy | SIGTERM to exit | start to first request |
|---|---|---|---|---|---|---|
"""
KILLING = """
## Killed processes

A process is killed with `kill -9` and started again at once (Redis: after two seconds).
HAProxy tries the other replica if it cannot open a connection (`option redispatch`, `retry-on conn-failure`).
It never sends a request twice, so the open streams of a killed replica are cut.

| killed | times | streams | cut | later streams that failed | uploads refused | uploads accepted | recovery |
|---|---|---|---|---|---|---|---|
"""
LEGEND = """
The values are medians with the maximum in brackets. Cut streams and refused uploads are per kill.
Recovery ends:

- for a replica, when HAProxy sends it requests;
- for Redis, when the next upload is accepted, counted from the start of Redis;
- for a worker, when all entries that its predecessor had claimed are in the collection.
  Another worker may claim them after `RAG_INBOX__CLAIM_SECONDS` (30), and checks at every third of that time.

All accepted uploads were in the collection at the end. Otherwise the drill fails and writes no page.
"""


def to_markdown(rolled: Mapping[int, RollingUpdate], killed: Mapping[str, Series]) -> str:
    """Return the page. `rolled` maps the drain delay in seconds to its update, `killed` a process to its kills."""
    rolling = "".join(_roll_row(delay, one) for delay, one in rolled.items())
    answered = [one.answered for one in next(iter(rolled.values())).replacements]
    killing = "".join(_kill_row(what, series) for what, series in killed.items())
    answers = (
        f"\nEach process had answered at least {min(answered)} streams, by its own count, before it was stopped.\n"
    )
    return f"{INTRODUCTION}{ROLLING}{rolling}{answers}{KILLING}{killing}{LEGEND}{_waits(killed)}"


def _roll_row(delay: int, one: RollingUpdate) -> str:
    return _row(
        f"{delay} s",
        len(one.replacements),
        len(one.streams),
        one.reasons.total(),
        ", ".join(f"{name} {count}" for name, count in one.errors.items() if count) or "none",
        _spread([each.draining_seconds for each in one.replacements]),
        _spread([each.starting_seconds for each in one.replacements]),
    )


def _kill_row(what: str, series: Series) -> str:
    return _row(
        what,
        len(series.kills),
        series.streams,
        _spread([kill.cut for kill in series.kills]),
        sum(kill.refused for kill in series.kills),
        _spread([kill.uploads_refused for kill in series.kills]) if series.uploads else "",
        series.uploads or "",
        _spread([kill.recovery_seconds for kill in series.kills]),
    )


def _waits(killed: Mapping[str, Series]) -> str:
    waits = [kill.next_seconds for series in killed.values() for kill in series.kills if kill.next_seconds is not None]
    return f"A document that was uploaded after a worker was killed became searchable after {_spread(waits)}.\n"


def _spread(values: Sequence[float]) -> str:
    if all(isinstance(value, int) for value in values):
        return f"{statistics.median(values):g} ({max(values)})"
    return f"{statistics.median(values):.1f} s ({max(values):.1f})"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"
