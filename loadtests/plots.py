"""Plots of a run, as SVG elements for an HTML page."""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from loadtests.client import RequestRecord
from loadtests.metrics import Objectives, RunMetrics
from loadtests.open_loop import LoadRun

_COLOURS = {"ok": "#2a6f4e", "overloaded": "#d08700", "failed": "#a1260d"}


def plot_run(run: LoadRun) -> list[str]:
    """Plot each request at its due time, the distributions of TTFT and latency, and the requests in flight."""
    return [_plot_requests(run.records), _plot_distributions(run.records), _plot_in_flight(run.records)]


def plot_steps(steps: Sequence[RunMetrics], objectives: Objectives) -> str:
    """Plot goodput and TTFT against the offered rate."""
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    goodput_axes, ttft_axes = figure.subplots(2, sharex=True)
    rates = [step.rate for step in steps]
    goodput_axes.plot(rates, rates, color="#9aa59d", linestyle="--", label="offered")
    goodput_axes.plot(rates, [step.goodput for step in steps], color=_COLOURS["ok"], marker="o", label="goodput")
    goodput_axes.set(ylabel="requests/s")
    for rank, style in (("p50", ":"), ("p95", "-")):
        times = [getattr(step.ttft, rank) for step in steps]
        ttft_axes.plot(rates, times, color="#2c5aa0", linestyle=style, marker="o", label=f"TTFT {rank}")
    ttft_axes.axhline(objectives.ttft, color=_COLOURS["failed"], linewidth=1, label="objective")
    ttft_axes.set(xlabel="offered, requests/s", ylabel="s", yscale="log")
    for axes in (goodput_axes, ttft_axes):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    return to_svg(figure)


def to_svg(figure: Figure) -> str:
    output = io.StringIO()
    figure.savefig(output, format="svg", metadata={"Date": None})
    # An HTML page may contain the element only, without the XML declaration and the document type before it.
    return "".join(output.getvalue().partition("<svg")[1:])


def build_figure(title: str, *, xlabel: str, ylabel: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure, axes


def _plot_requests(records: Sequence[RequestRecord]) -> str:
    figure, axes = build_figure("Requests", xlabel="due, s", ylabel="TTFT, or time until a 429 or a failure, s")
    for outcome, colour in _COLOURS.items():
        matching = [record for record in records if record.outcome == outcome]
        times = [record.ttft if outcome == "ok" else record.latency for record in matching]
        axes.scatter(
            [record.due for record in matching], times, s=6, color=colour, label=f"{outcome} ({len(matching)})"
        )
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)
    return to_svg(figure)


def _plot_distributions(records: Sequence[RequestRecord]) -> str:
    figure, axes = build_figure("Cumulative distribution", xlabel="s (logarithmic)", ylabel="share of answers")
    answered = [record for record in records if record.outcome == "ok"]
    if answered:
        axes.ecdf([record.ttft for record in answered], label="TTFT")
        axes.ecdf([record.latency for record in answered], label="latency")
        axes.set_xscale("log")
        axes.legend(fontsize=7)
    return to_svg(figure)


def _plot_in_flight(records: Sequence[RequestRecord]) -> str:
    figure, axes = build_figure("Requests in flight", xlabel="s", ylabel="requests")
    changes = sorted([(record.due, 1) for record in records] + [(record.ended, -1) for record in records])
    times, counts = [0.0], [0]
    for time, change in changes:
        times.append(time)
        counts.append(counts[-1] + change)
    axes.step(times, counts, where="post", color="#2a6f4e", linewidth=1)
    axes.set_ylim(bottom=0)
    return to_svg(figure)
