"""Read values from the graphs of the operator's view, and compute the expected ones from the metrics."""

import math
import re

from playwright.async_api import Locator, Page
from prometheus_client.parser import text_string_to_metric_families


def graph(page: Page, title: str) -> Locator:
    return page.get_by_role("figure").filter(has=page.get_by_role("heading", name=title))


async def now(page: Page, title: str, series: str) -> float:
    """Return the latest value of a series in the graph's table."""
    row = graph(page, title).get_by_role("row").filter(has=page.get_by_role("rowheader", name=series))
    return float(await row.locator("data").first.get_attribute("value"))


async def drawn(page: Page, title: str, line: int) -> float:
    """Return the last value of a line, measured between the axis labels of 0 and of the top."""
    ticks = graph(page, title).locator("text[text-anchor=end][dy]")
    zero, top = [float(await ticks.nth(index).get_attribute("y")) for index in (0, 4)]
    label = await ticks.nth(4).text_content()
    scale = float(re.match(r"[\d.,]+", label)[0].replace(",", "")) * {"ms": 0.001, "%": 0.01}.get(label.split()[-1], 1)
    path = await graph(page, title).locator("path").nth(line).get_attribute("d")
    end = float(re.findall(r",([\d.]+)", path)[-1])
    return (zero - end) / (zero - top) * scale


def quantile(q: float, before: str, after: str, histogram: str) -> float:
    """Return the quantile of the observations between two texts of /metrics."""
    buckets = {le: count - cumulative(before, histogram)[le] for le, count in cumulative(after, histogram).items()}
    rank = q * buckets[math.inf]
    start = below = 0.0
    for le, count in buckets.items():
        if count >= rank:
            return start + (le - start) * (rank - below) / (count - below)
        start, below = le, count
    raise AssertionError("No observations")


def cumulative(text: str, histogram: str) -> dict[float, float]:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {float(it.labels["le"]): it.value for it in samples if it.name == f"{histogram}_bucket"}
