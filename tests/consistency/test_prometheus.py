"""Every panel and every rule, evaluated by a real Prometheus that watches the real programs under a short load."""

import asyncio
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import not_
from pathlib import Path
from typing import Any, TypeVar

import pytest
from dashboards.report.choice import chosen_panels

from service.judging.calibration import Agreement, Calibrations
from service.judging.rubrics import load_rubric
from tests.support.expressions import (
    KUBERNETES,
    RULE_FILES,
    diagnosis_expressions,
    panel_expressions,
    rule_expressions,
    rules,
    runbook_expressions,
)
from tests.support.fakes.servers import ModelServer, in_thread, serve, verdict
from tests.support.manifests import needs_kubectl, overlay, queries
from tests.support.programs import Service, evals, ingest
from tests.support.prometheus_server import PrometheusServer, needs_prometheus
from tests.support.redis_server import free_port
from tests.support.watched import installation, watched

pytestmark = needs_prometheus
T = TypeVar("T")

DOCUMENT = """# Pump handbook

## Faults

Error E1234 means that the oil level is too low. Fill up oil of grade ISO 46 and restart the controller.

## Maintenance

The impeller of the Kestrel pump must be replaced every 4,000 hours of operation.
"""
QUESTION = "What does error E1234 mean?"
# Of four answers: an error budget is called burning from thirty on, and a busy machine may really be slow.
_ROUNDS = 5
_SETTLE_SECONDS = 120
_ASKINGS = 4
_RENDER_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What runs, and who watches it."""

    service: Service
    prometheus: PrometheusServer


class Critic(ModelServer):
    """Answers with a citation; where it is asked for a verdict, with one."""

    async def __call__(self, request):
        allowed = re.search(r"verdict\W+(\w+)", await request.text())
        pieces = [verdict(allowed[1])] if allowed else ["The oil ", "level is ", "too low. ", "[1]"]
        return await ModelServer(pieces, gap=0.005)(request)


@pytest.fixture(scope="module")
def watch(tmp_path_factory, onnx_models) -> Iterator[Watch]:
    data_dir = tmp_path_factory.mktemp("data")
    (data_dir / "models").symlink_to(onnx_models)
    (data_dir / "handbook.md").write_text(DOCUMENT)
    assert ingest("run", str(data_dir / "handbook.md"), data_dir=data_dir).returncode == 0
    _make_reference(data_dir)
    judged = {"RAG_JUDGE__SAMPLE": "1", "RAG_JUDGE__CALIBRATION": _calibrate(data_dir), "RAG_HTTP__CONNECT": "60"}
    worker_port = free_port()
    with (
        in_thread(serve("/v1/chat/completions", Critic([]))) as model,
        installation(data_dir, worker_port, model, **judged) as service,
        watched(
            tmp_path_factory.mktemp("prometheus"),
            {
                "groundwork-service": service.url.removeprefix("http://"),
                "groundwork-worker": f"127.0.0.1:{worker_port}",
            },
            {path.name: path.read_text() for path in RULE_FILES},
        ) as prometheus,
    ):
        # Rates need what was before the load and what is after it.
        _wait_for(prometheus, "count(up == 1) == 2")
        _load(service)
        _wait_for(prometheus, 'job:slo_errors_per_request:ratio_rate5m{slo="freshness"}')
        _wait_for(prometheus, "sum(increase(rag_judge_score_count[15m])) > 0")
        yield Watch(service=service, prometheus=prometheus)


def _make_reference(data_dir: Path) -> None:
    """Drift is counted against one only."""
    questions = data_dir / "questions.jsonl"
    asked = [f"What does error E{number} of the pump mean?" for number in range(1220, 1245)]
    questions.write_text("".join(json.dumps({"question": question}) + "\n" for question in asked))
    made = evals("reference", str(questions), data_dir=data_dir)
    assert made.returncode == 0, made.stderr


def _calibrate(data_dir: Path) -> str:
    """An agreement is shown of a judge that was held against people only."""
    rubric = asyncio.run(load_rubric("faithfulness")).version
    counted = {"cases": 20, "failures": 0, "agreement": 0.9, "kappa": 0.8, "interval": (0.6, 1.0), "confusion": {}}
    known = Agreement(judge="stand-in", rubric=str(rubric), rubric_hash=rubric.hash, data="pumps", **counted)
    Calibrations([known]).write(data_dir / "calibration.json")
    return str(data_dir / "calibration.json")


def _load(service: Service) -> None:
    """Every route and every way of answering, spread over some scrapes, so that rates have two points to stand on."""
    for number in range(_ROUNDS):
        service.put(f"d{number}.md", f"{DOCUMENT}\nThe pump number {number} stands in hall {number}.".encode())
        for mode in ("quote", "checked", "generate"):
            assert service.ask(QUESTION, mode=mode).status_code == 200
        assert service.ask("Who painted the Mona Lisa in Paris?").json()["refused"]
        service.http.post("/v1/search", json={"question": QUESTION})
        time.sleep(0.5)
    service.wait_for_state(f"d{_ROUNDS - 1}.md", "ready", seconds=180)


def needs_a_week(text: str) -> bool:
    """What compares with last week has nothing to show in a service that began a minute ago; its rule has cases."""
    return "last_week" in text


def _is_elsewhere(selector: str) -> bool:
    """What no installation on one machine has."""
    return needs_a_week(selector) or selector.partition("{")[0] in KUBERNETES


def _once(is_right: Callable[[T], Any], look: Callable[[], T], *, seconds: float = _SETTLE_SECONDS) -> T:
    """What is seen then, or at last: after a scrape that came too late Prometheus shows nothing until the next."""
    deadline = time.monotonic() + seconds
    while not is_right(seen := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen


def _wait_for(prometheus: PrometheusServer, expression: str) -> None:
    found = _once(bool, lambda: prometheus.query(expression))
    assert found, f"Not there after {_SETTLE_SECONDS} s: {expression}; {prometheus.targets()}"


def test_every_panel_shows_something(watch):
    shown = [it for it in panel_expressions() if not needs_a_week(it.text)]
    for _ in range(_ASKINGS):
        # Some show only what was asked within half a minute, however long ago the load was.
        assert watch.service.ask(QUESTION, mode="generate").status_code == 200
        missing = _once(not_, lambda: [it.place for it in shown if not watch.prometheus.query(it.filled)], seconds=30)
        if not missing:
            break
    assert missing == []


def test_every_rule_is_healthy_and_every_recorded_series_is_there(watch):
    rules_now = watch.prometheus.rules
    ill = _once(not_, lambda: {rule["name"]: rule.get("lastError") for rule in rules_now() if rule["health"] != "ok"})
    assert ill == {}
    for _, rule in rules():
        if "record" in rule and not needs_a_week(rule["record"]):
            labels = ",".join(f'{name}="{value}"' for name, value in rule.get("labels", {}).items())
            _wait_for(watch.prometheus, f"{rule['record']}{{{labels}}}")


def test_every_query_that_the_papers_tell_to_ask_is_one(watch):
    for expression in (*runbook_expressions(), *diagnosis_expressions()):
        watch.prometheus.query(expression.filled)


def test_every_series_that_a_rule_or_a_paper_reads_is_there(watch):
    # The labels too: an alert on outcome="fail" would never fire where the code says "failed".
    shipped = [*rule_expressions(), *runbook_expressions(), *diagnosis_expressions()]
    read = {selector: it.place for it in shipped for selector in it.selectors if not _is_elsewhere(selector)}
    assert len(read) > 30
    query = watch.prometheus.query
    assert _once(not_, lambda: {it: place for it, place in read.items() if not query(f"count({it})")}) == {}


@needs_kubectl
def test_whatever_scales_or_judges_a_rollout_in_a_cluster_is_answered(watch):
    asked = {query for name in ("staging", "prod") for _, query in queries(overlay(name))}
    assert len(asked) == 5
    # What divides by the requests of two minutes needs some, however long ago the load was.
    assert watch.service.ask(QUESTION, mode="generate").status_code == 200
    _wait_for(watch.prometheus, 'sum(increase(rag_requests_total{route="/v1/answers"}[1m])) > 0')
    for query in asked:
        # What the cluster's Prometheus adds to every series.
        here = re.sub(r'(?:,\s*)?\b(?:namespace|rollouts_pod_template_hash)="[^"]*"', "", query)
        (sample,) = _once(bool, partial(watch.prometheus.query, here))
        assert math.isfinite(float(sample["value"][1])), query


def test_lost_spans_are_counted_from_nought_in_both_processes_where_nothing_is_traced(watch):
    for result in ("failed", "dropped"):
        counted = f'sum by (job) (rag_trace_spans_total{{result="{result}"}})'
        found = _once(lambda samples: len(samples) == 2, partial(watch.prometheus.query, counted))
        values = {sample["metric"]["job"]: sample["value"][1] for sample in found}
        assert values == {"groundwork-service": "0", "groundwork-worker": "0"}


def test_nothing_fires_while_all_is_well(watch):
    # On a busy machine the event loop really is late.
    assert watch.prometheus.firing() <= {"EventLoopBlocked"}


def test_metrics_are_rendered_within_twenty_milliseconds(watch):
    # The quickest of many, spread over time: what it costs, not what else this machine did meanwhile.
    quickest = math.inf
    for _ in range(60):
        began = time.perf_counter()
        text = watch.service.http.get("/metrics").text
        quickest = min(quickest, time.perf_counter() - began)
        if quickest <= _RENDER_SECONDS:
            break
        time.sleep(0.2)
    assert quickest <= _RENDER_SECONDS, f"{quickest * 1000:.1f} ms for {len(text.splitlines())} lines"


def test_no_label_grows_with_what_users_send(watch):
    watch.service.http.get("/v1/documents/a-document-that-is-not-there")
    watch.service.http.get("/no/such/page")
    text = watch.service.http.get("/metrics").text
    assert "a-document-that-is-not-there" not in text
    assert "/no/such/page" not in text
    assert not re.search(r"E1234|Mona", text)


def test_a_report_draws_what_prometheus_knows(watch, tmp_path):
    command = [sys.executable, "-m", "dashboards.report", "--prometheus", watch.prometheus.url, "--since", "15m"]
    said = subprocess.run([*command, "--out", str(tmp_path)], capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    html = (tmp_path / "report.html").read_text()
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert len(pictures) == html.count("<figure>") == len(chosen_panels())
    assert said.stdout.splitlines()[1:] == []
    # Now, or, where this machine was slow to come here, at its greatest.
    assert re.search(r'<th scope="row">p95</th>(<td>-</td>)?<td>[\d.]+ m?s</td>', html)
