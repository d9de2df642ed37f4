"""What was seen when replicas were replaced and things were killed, as a page."""

import statistics
from collections.abc import Mapping, Sequence

from tests.drills.rolling.killing import Series
from tests.drills.rolling.rolling import DELAYS, Rolled

_HEAD = f"""# Zero downtime, as it was measured

`make rolling` wrote this page; [decision 34](adr/0034-zero-downtime.md) says how a replica stops. On loopback were run:

- the real service as two replicas, each with its own copy of an embedded collection;
- before them a real HAProxy that asks `/readyz` twice a second and believes the second answer;
- a stand-in for the model: {DELAYS.tokens} tokens, {DELAYS.ttft:g} s to the first, {DELAYS.tpot:g} s between two;
- streams asked for by a Poisson process, whatever became of those before, over connections that are kept alive.

A stream failed where its status was not 200, where it broke, or where it did not end with `done`.
"""
_ROLLING = """
## Replicas replaced

One after the other got SIGTERM and gave way to a process with another version of the prompt, which its answers name.
Halfway, the next revision of each collection was published. HAProxy tries no connection a second time here (`retries
0`), so nothing is hidden. The second row is without `RAG_DRAIN_DELAY_SECONDS`, and shows what that is for.

| delay | replaced | streams | failed | HAProxy counted | SIGTERM to the end | start to the first request |
|---|---|---|---|---|---|---|
"""
_KILLING = """
## Killed

`kill -9`, and started again at once (Redis: after two seconds). HAProxy tries the other replica where a connection
cannot be opened (`option redispatch`, `retry-on conn-failure`) and never sends a request twice: what a dead replica was
writing is cut.

| killed | times | streams | cut | asked for afterwards and failed | uploads refused | uploads accepted | works again |
|---|---|---|---|---|---|---|---|
"""
_LEGEND = """
Medians, and the greatest in brackets; cut streams and refused uploads are those of one kill. A replica works again when
HAProxy sends it requests; Redis when the next upload is accepted, counted from its start; a worker when all that its
predecessor had taken is in the collection: it may be taken over after `RAG_INBOX__CLAIM_SECONDS` (30), and a worker
looks every third of that. Uploads that were accepted were all in the collection at the end, or there would be no page.
"""


def to_markdown(rolled: Mapping[int, Rolled], killed: Mapping[str, Series]) -> str:
    """`rolled`: by the delay in seconds. `killed`: by what was killed."""
    rolling = "".join(_roll_row(delay, one) for delay, one in rolled.items())
    answered = [one.answered for one in next(iter(rolled.values())).replacements]
    killing = "".join(_kill_row(what, series) for what, series in killed.items())
    counted = f"\nBy its own count each process answered at least {min(answered)} streams before it was stopped.\n"
    return f"{_HEAD}{_ROLLING}{rolling}{counted}{_KILLING}{killing}{_LEGEND}{_waits(killed)}"


def _roll_row(delay: int, one: Rolled) -> str:
    return _row(
        f"{delay} s",
        len(one.replacements),
        len(one.streams),
        one.reasons.total(),
        ", ".join(f"{name} {count}" for name, count in one.troubles.items() if count) or "no trouble",
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
    return f"A document that was uploaded after a worker's death was in after {_spread(waits)}.\n"


def _spread(values: Sequence[float]) -> str:
    if all(isinstance(value, int) for value in values):
        return f"{statistics.median(values):g} ({max(values)})"
    return f"{statistics.median(values):.1f} s ({max(values):.1f})"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"
