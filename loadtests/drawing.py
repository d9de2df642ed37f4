"""Pictures of a run, as SVG to stand inside a page."""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from loadtests.asking import Observation
from loadtests.figures import Figures, Objectives
from loadtests.open_loop import Run

_COLOURS = {"ok": "#2a6f4e", "refused": "#d08700", "failed": "#a1260d"}


def draw_run(run: Run) -> list[str]:
    """Every request where it was due; the distributions; how many were in flight."""
    return [_draw_requests(run.observations), _draw_distributions(run.observations), _draw_in_flight(run.observations)]


def draw_steps(steps: Sequence[Figures], objectives: Objectives) -> str:
    """Goodput and TTFT over the offered rate."""
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    served, waited = figure.subplots(2, sharex=True)
    rates = [step.rate for step in steps]
    served.plot(rates, rates, color="#9aa59d", linestyle="--", label="offered")
    served.plot(rates, [step.goodput for step in steps], color=_COLOURS["ok"], marker="o", label="goodput")
    served.set(ylabel="requests/s")
    for rank, style in (("p50", ":"), ("p95", "-")):
        times = [getattr(step.ttft, rank) for step in steps]
        waited.plot(rates, times, color="#2c5aa0", linestyle=style, marker="o", label=f"TTFT {rank}")
    waited.axhline(objectives.ttft, color=_COLOURS["failed"], linewidth=1, label="objective")
    waited.set(xlabel="offered, requests/s", ylabel="s", yscale="log")
    for axes in (served, waited):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    return to_svg(figure)


def to_svg(figure: Figure) -> str:
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    # The XML declaration and document type belong to a file of its own.
    return written.getvalue().partition("<svg")[1] + written.getvalue().partition("<svg")[2]


def open_figure(title: str, *, across: str, up: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    axes.set(title=title, xlabel=across, ylabel=up)
    return figure, axes


def _draw_requests(observations: Sequence[Observation]) -> str:
    figure, axes = open_figure("Each request", across="due, s", up="TTFT, or time to its refusal or failure, s")
    for outcome, colour in _COLOURS.items():
        seen = [one for one in observations if one.outcome == outcome]
        times = [one.ttft if outcome == "ok" else one.latency for one in seen]
        axes.scatter([one.due for one in seen], times, s=6, color=colour, label=f"{outcome} ({len(seen)})")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)
    return to_svg(figure)


def _draw_distributions(observations: Sequence[Observation]) -> str:
    figure, axes = open_figure("How many answers are as quick", across="s (logarithmic)", up="share of answers")
    answered = [one for one in observations if one.outcome == "ok"]
    if answered:
        axes.ecdf([one.ttft for one in answered], label="TTFT")
        axes.ecdf([one.latency for one in answered], label="latency")
        axes.set_xscale("log")
        axes.legend(fontsize=7)
    return to_svg(figure)


def _draw_in_flight(observations: Sequence[Observation]) -> str:
    figure, axes = open_figure("In flight", across="s", up="requests")
    changes = sorted([(one.due, 1) for one in observations] + [(one.ended, -1) for one in observations])
    times, counts = [0.0], [0]
    for time, change in changes:
        times.append(time)
        counts.append(counts[-1] + change)
    axes.step(times, counts, where="post", color="#2a6f4e", linewidth=1)
    axes.set_ylim(bottom=0)
    return to_svg(figure)
