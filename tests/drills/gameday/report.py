"""What a game day saw, as a page."""

from collections.abc import Sequence

from tests.drills.gameday.playing import Played, Sight

HOURS_OF_A_DAY = 24
_WHAT = (
    "Everything that has an alert was broken once, unattended: the real service and worker, a stand-in language model, "
    "a Qdrant server's interface on the wire, users who ask, and a real Prometheus with the shipped rules. "
    "`python -m tests.drills.gameday --report docs/measurements/game-day.md` wrote this page."
)
_CLOCK = (
    "Every window, wait and age in the rules was divided by {factor}, so that 5 minutes are {seconds} s (windows below "
    "4 s became 4 s); nothing else was changed. With the shipped windows an alert takes up to {factor} times as "
    "long. What looks at a whole day had a clock quicker by another {days}, and a reference of what these users ask. "
    "The queries are those of the runbooks, asked while the thing was broken. "
    "The last column is what Prometheus fired: Alertmanager, which is not on this stage, keeps quiet about what a "
    "service or a worker that is gone explains. "
    "`EventLoopBlocked` stands there where the machine was busy with something else."
)


def to_markdown(played: Sequence[Played], *, factor: int) -> str:
    sights = [sight for one in played for sight in one.sights]
    complete = sum(sight.complete for sight in sights)
    lines = [
        "# Game day",
        "",
        _WHAT,
        "",
        _CLOCK.format(factor=factor, days=HOURS_OF_A_DAY, seconds=f"{300 / factor:g}"),
        "",
        f"**{complete} of {len(sights)} alerts fired when their thing broke and cleared when it was mended.**",
        "",
        "| broken | alert | fired after | cleared after mending | fired too |",
        "|---|---|---|---|---|",
        *(_row(one, sight) for one in played for sight in one.sights),
    ]
    for one in played:
        lines += ["", f"## {one.scenario.title}", "", f"Broken: {one.scenario.done}. Mended: {one.scenario.mended}."]
        for sight in one.sights:
            lines += ["", f"[{sight.alert}](runbooks/{sight.alert}.md) while it was broken:", ""]
            lines += [f"- `{' '.join(query.split())}`: {shown}" for query, shown in sight.looked_at]
    return "\n".join(lines) + "\n"


def _row(one: Played, sight: Sight) -> str:
    also = ", ".join(sorted(one.also_fired)) or "none"
    link = f"[{sight.alert}](runbooks/{sight.alert}.md)"
    return f"| {one.scenario.title} | {link} | {_time(sight.fired_after)} | {_time(sight.cleared_after)} | {also} |"


def _time(seconds: float | None) -> str:
    return "**not seen**" if seconds is None else f"{seconds:.0f} s"
