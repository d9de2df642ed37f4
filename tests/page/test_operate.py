"""The operator's view, on the service's real metrics, which the tests change."""

import math
import re

import pytest
from playwright.async_api import Locator, Page, expect
from prometheus_client import generate_latest

import rag.metrics
from service import metrics
from tests.support.page.fake_service import FakeService
from tests.support.page.graphs import drawn, graph, now, quantile
from tests.support.page.script import Problem, document

pytestmark = pytest.mark.asyncio(loop_scope="package")

_INTERVAL_SECONDS = 3
_NEAR_BINS = [0.25, 0.25, 0.25, 0.25]


@pytest.fixture(autouse=True)
def _own_metrics():
    metrics.DRIFT_OBSERVATIONS.clear()
    metrics.DRIFT_REFERENCE_RATIO.clear()
    metrics.DRIFT_REFERENCE_QUESTIONS.clear()
    metrics.INFLIGHT.set(0)
    # Remove gates that earlier tests registered in this process.
    rag.metrics.GATE_DEPTH.clear()
    rag.metrics.GATE_CAPACITY.clear()


async def open_operate(page: Page) -> None:
    """Open the view and wait for its first update; afterwards only `wait_for_update` moves the browser's clock."""
    await page.clock.install()
    await page.reload()
    # Far enough ahead that the browser's clock has not passed it when the call arrives.
    await page.clock.pause_at(await page.evaluate("Date.now() + 60_000"))
    await page.get_by_role("link", name="Operate").click()
    await expect(page.get_by_text("Last update")).to_be_visible()


async def wait_for_update(page: Page, seconds: int = _INTERVAL_SECONDS) -> None:
    """Move the clock by `seconds` and wait until the view has read the metrics again."""
    before = await page.get_by_text("Last update").inner_text()
    await page.clock.run_for(seconds * 1000)
    await expect(page.get_by_text("Last update")).not_to_have_text(before)


async def test_the_graph_shows_the_percentiles_of_the_metrics(page: Page, service: FakeService) -> None:
    before = service.metrics()
    await open_operate(page)
    for seconds in (0.03, 0.09, 0.2, 0.3, 0.4, 0.7, 0.9, 1.5, 1.7, 4.0):
        metrics.TIME_TO_FIRST_TOKEN.observe(seconds)
    await wait_for_update(page)

    for line, (name, q) in enumerate({"p50": 0.5, "p95": 0.95, "p99": 0.99}.items()):
        expected = quantile(q, before, service.metrics(), "rag_time_to_first_token_seconds")
        assert await now(page, "Time to first token", name) == pytest.approx(expected)
        assert await drawn(page, "Time to first token", line) == pytest.approx(expected, rel=0.01)


async def test_a_minute_without_requests_is_a_gap_and_not_zero(page: Page) -> None:
    await open_operate(page)
    first_token = graph(page, "Time to first token")
    await expect(first_token).to_contain_text("No requests in this period.")
    await expect(first_token.locator("svg")).to_have_count(0)

    metrics.TIME_TO_FIRST_TOKEN.observe(0.3)
    await wait_for_update(page)
    await expect(first_token.locator("path")).to_have_count(3)
    for _ in range(21):
        await wait_for_update(page)
    row = first_token.get_by_role("row").filter(has_text="p95")
    await expect(row).to_contain_text("no requests")
    await expect(row).to_contain_text("488 ms")


async def test_stages_outcomes_gates_declined_answers_and_documents_are_shown(page: Page, service: FakeService) -> None:
    service.documents["late"] = document("late", state="queued")
    service.documents["tour.md"]["update"] = {"state": "processing", "reason": None}
    rag.metrics.GATE_CAPACITY.labels("generator").set(68)
    rag.metrics.GATE_DEPTH.labels("generator").set(17)
    await open_operate(page)
    metrics.STAGE_DURATION.labels("embed").observe(0.3)
    metrics.STAGE_DURATION.labels("generate").observe(1.2)
    for outcome, count in {"ok": 6, "error": 3}.items():
        metrics.REQUESTS.labels("/v1/answers", outcome).inc(count)
    metrics.REQUESTS.labels("/metrics", "ok").inc(100)
    metrics.ANSWERS.labels("quote").inc(3)
    metrics.ANSWERS.labels("declined").inc(1)
    metrics.UNSURE_ANSWERS.inc(2)
    metrics.INFLIGHT.set(4)
    await wait_for_update(page)

    assert await now(page, "Time by stage", "embed") == pytest.approx(0.1, rel=0.1)
    assert await now(page, "Time by stage", "generate") == pytest.approx(0.4, rel=0.1)
    assert await now(page, "Requests by outcome", "ok") == pytest.approx(2, rel=0.1)
    assert await now(page, "Requests by outcome", "error") == pytest.approx(1, rel=0.1)
    assert await now(page, "Requests in flight", "in flight") == 4
    assert await now(page, "Gate utilisation", "generator") == 0.25
    assert await now(page, "Declined and unsure answers", "declined") == 0.25
    assert await now(page, "Declined and unsure answers", "unsure") == 0.5
    assert await now(page, "Documents in progress", "queued") == 1
    assert await now(page, "Documents in progress", "processing") == 1
    alternative = await graph(page, "Requests by outcome").get_by_role("img").get_attribute("aria-label")
    assert "error: now" in alternative
    assert await drawn(page, "Gate utilisation", 0) == pytest.approx(0.25, rel=0.01)


async def test_without_a_reference_the_drift_panel_shows_how_to_create_one(page: Page) -> None:
    await open_operate(page)
    drift = page.get_by_role("region", name="Drift")
    await expect(drift).to_contain_text("python -m evals reference questions.jsonl")
    await expect(drift.get_by_role("listitem")).to_have_count(0)


async def test_psi_is_computed_from_the_counters_and_drift_beyond_chance_is_marked(page: Page) -> None:
    counts = {"similarity": [55, 15, 15, 15], "margin": [27, 23, 26, 24], "answer_words": [1, 0, 0, 0]}
    for name, bin_counts in counts.items():
        metrics.DRIFT_REFERENCE_QUESTIONS.labels(name, "r2").set(500)
        # Observations against an earlier reference must be ignored.
        metrics.DRIFT_OBSERVATIONS.labels(name, "0", "r1").inc(500)
        for number, (ratio, count) in enumerate(zip(_NEAR_BINS, bin_counts, strict=True)):
            metrics.DRIFT_REFERENCE_RATIO.labels(name, str(number), "r2").set(ratio)
            metrics.DRIFT_OBSERVATIONS.labels(name, str(number), "r2").inc(count)
    await open_operate(page)

    def feature(name: str) -> Locator:
        return page.get_by_role("region", name="Drift").get_by_role("listitem").filter(has_text=name)

    for name in ("similarity", "margin"):
        shares = [count / sum(counts[name]) for count in counts[name]]
        expected = sum((a - e) * math.log(a / e) for a, e in zip(shares, _NEAR_BINS, strict=True))
        assert float(await feature(name).locator("data").get_attribute("value")) == pytest.approx(expected)
    await expect(feature("similarity")).to_contain_text("drifted")
    # The 99.9 % quantile of the chi-squared distribution with three degrees of freedom is 16.266.
    await expect(feature("margin")).to_contain_text(f"by chance up to {16.266 * (1 / 100 + 1 / 500):.2f}")
    await expect(feature("margin")).not_to_contain_text("drifted")
    await expect(feature("answer words")).to_contain_text("1 question of 80 required")


async def test_metrics_are_read_only_while_the_view_is_open_and_not_paused(page: Page, service: FakeService) -> None:
    await page.clock.install()
    await page.reload()
    await page.clock.run_for(10_000)
    assert service.metrics_requests == 0
    await open_operate(page)
    await page.get_by_role("button", name="Pause").click()
    seen = service.metrics_requests
    await page.clock.run_for(10_000)
    assert service.metrics_requests == seen
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    await wait_for_update(page)

    await page.get_by_role("link", name="Ask").click()
    await expect(page.get_by_role("heading", name="Ask your documents")).to_be_focused()
    seen = service.metrics_requests
    await page.clock.run_for(10_000)
    assert service.metrics_requests == seen
    await page.go_back()
    await expect(page.get_by_role("heading", name="Operate")).to_be_focused()
    assert await page.title() == "Operate · Groundwork"


async def test_blocked_metrics_are_reported_with_advice(page: Page, service: FakeService) -> None:
    def blocked() -> str:
        raise Problem(404, "Not found", "There is nothing at this address.")

    service.metrics = blocked
    await page.get_by_role("link", name="Operate").click()
    failure = page.get_by_role("main").get_by_role("alert")
    await expect(failure).to_contain_text("There is nothing at this address.")
    await expect(failure).to_contain_text("The Grafana dashboards have the same graphs.")

    service.metrics = lambda: "<html>another site</html>"
    await expect(failure).to_contain_text("The response of /metrics does not come from this service.")


async def test_the_key_for_the_metrics_is_requested_only_once(page: Page, service: FakeService) -> None:
    def refused() -> str:
        raise Problem(401, "Unauthorized", "The metrics need a key.")

    service.metrics = refused
    await page.get_by_role("link", name="Operate").click()
    await page.get_by_role("dialog", name="API key").get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("The metrics need a key.")
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()


async def test_the_graphs_start_over_when_another_process_answers(page: Page, service: FakeService) -> None:
    await open_operate(page)
    metrics.TIME_TO_FIRST_TOKEN.observe(0.3)
    await wait_for_update(page)
    await expect(graph(page, "Time to first token").locator("path")).to_have_count(3)

    text = re.sub(r"(?m)^process_start_time_seconds .*$", "process_start_time_seconds 1", generate_latest().decode())
    service.metrics = lambda: text
    await wait_for_update(page)
    await expect(graph(page, "Time to first token")).to_contain_text("No requests in this period.")
    await expect(page.get_by_role("status").filter(has_text="Another process answered")).to_be_visible()


@pytest.mark.parametrize("width", [320, 1024])
async def test_the_view_fits_on_small_screens(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 740})
    await open_operate(page)
    metrics.TIME_TO_FIRST_TOKEN.observe(0.3)
    await wait_for_update(page)
    await expect(graph(page, "Time to first token").locator("svg")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
