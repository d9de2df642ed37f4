"""A real Prometheus watches the real programs under a short load and evaluates every panel and every rule."""

import asyncio
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import not_
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.judging.calibration import Agreement, Calibrations
from service.judging.rubrics import load_rubric
from tests.support.fakes.servers import ModelServer, in_thread, serve, verdict
from tests.support.programs import Service, evals, ingest
from tests.support.servers.prometheus_server import PrometheusServer, needs_prometheus
from tests.support.servers.redis_server import free_port
from tests.support.shipped.expressions import (
    KUBERNETES,
    RULE_FILES,
    diagnosis_expressions,
    panel_expressions,
    rule_expressions,
    rules,
    runbook_expressions,
)
from tests.support.shipped.manifests import needs_kubectl, overlay, queries
from tests.support.watched import service_with_worker, watched

pytestmark = [pytest.mark.slow, needs_prometheus]
T = TypeVar("T")

DOCUMENT = """# Pump handbook

## Faults

Error E1234 means that the oil level is too low. Fill up oil of grade ISO 46 and restart the controller.

## Maintenance

The impeller of the Kestrel pump must be replaced every 4,000 hours of operation.
"""
QUESTION = "What does error E1234 mean?"
# Four answers each: fewer than the 30 events of a burn-rate alert, because a busy machine may miss an objective.
_ROUNDS = 5
_SETTLE_SECONDS = 120
_ATTEMPTS = 4
_RENDERINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The running service and the Prometheus that scrapes it."""

    service: Service
    prometheus: PrometheusServer


class JudgingModel(ModelServer):
    """A model server that answers questions with a citation and judge prompts with a verdict."""

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
        in_thread(serve("/v1/chat/completions", JudgingModel([]))) as model,
        service_with_worker(data_dir, worker_port, model, **judged) as service,
        watched(
            tmp_path_factory.mktemp("prometheus"),
            {
                "groundwork-service": service.url.removeprefix("http://"),
                "groundwork-worker": f"127.0.0.1:{worker_port}",
            },
            {path.name: path.read_text() for path in RULE_FILES},
        ) as prometheus,
    ):
        # A rate needs a scrape before and a scrape after the load.
        _wait_for(prometheus, "count(up == 1) == 2")
        _load(service)
        _wait_for(prometheus, 'job:slo_errors_per_request:ratio_rate5m{slo="freshness"}')
        _wait_for(prometheus, "sum(increase(rag_judge_score_count[15m])) > 0")
        yield Watch(service=service, prometheus=prometheus)


def _make_reference(data_dir: Path) -> None:
    """Create the drift reference, without which the service counts no drift."""
    questions = data_dir / "questions.jsonl"
    asked = [f"What does error E{number} of the pump mean?" for number in range(1220, 1245)]
    questions.write_text("".join(json.dumps({"question": question}) + "\n" for question in asked))
    made = evals("reference", str(questions), data_dir=data_dir)
    assert made.returncode == 0, made.stderr


def _calibrate(data_dir: Path) -> str:
    """Write a calibration of the judge, without which the service exports no agreement. Return its path."""
    rubric = asyncio.run(load_rubric("faithfulness")).version
    counted = {"cases": 20, "failures": 0, "agreement": 0.9, "kappa": 0.8, "interval": (0.6, 1.0), "confusion": {}}
    known = Agreement(judge="stand-in", rubric=str(rubric), rubric_hash=rubric.hash, data="pumps", **counted)
    Calibrations([known]).write(data_dir / "calibration.json")
    return str(data_dir / "calibration.json")


def _load(service: Service) -> None:
    """Use every route and every answer mode, spread over several scrapes so that every rate has two samples."""
    for number in range(_ROUNDS):
        service.put(f"d{number}.md", f"{DOCUMENT}\nThe pump number {number} stands in hall {number}.".encode())
        for mode in ("quote", "checked", "generate"):
            assert service.ask(QUESTION, mode=mode).status_code == 200
        assert service.ask("Who painted the Mona Lisa in Paris?").json()["declined"]
        service.http.post("/v1/search", json={"question": QUESTION})
        time.sleep(0.5)
    service.wait_for_state(f"d{_ROUNDS - 1}.md", "ready", seconds=180)


def _needs_last_week(text: str) -> bool:
    """Return True for comparisons with last week, which a new service cannot have. promtool tests their rule."""
    return "last_week" in text


def _needs_a_cluster(selector: str) -> bool:
    return _needs_last_week(selector) or selector.partition("{")[0] in KUBERNETES


def _poll(is_expected: Callable[[T], Any], read: Callable[[], T], *, seconds: float = _SETTLE_SECONDS) -> T:
    """Return the first expected value, or the last value after `seconds`.

    After a late scrape a range query is empty until the next scrape, so a single query is not enough.
    """
    deadline = time.monotonic() + seconds
    while not is_expected(value := read()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return value


def _without_samples(
    prometheus: PrometheusServer, places: Mapping[str, str], *, seconds: float = _SETTLE_SECONDS
) -> dict[str, str]:
    """Return the expressions, with their places, that have had no sample after `seconds`."""
    missing = dict(places)

    def ask_again() -> dict[str, str]:
        # An expression that had samples is not evaluated again, because hundreds of queries cost seconds.
        for expression in [it for it in missing if prometheus.query(it)]:
            del missing[expression]
        return missing

    return _poll(not_, ask_again, seconds=seconds)


def _wait_for(prometheus: PrometheusServer, expression: str) -> None:
    samples = _poll(bool, lambda: prometheus.query(expression))
    assert samples, f"No sample after {_SETTLE_SECONDS} s: {expression}; {prometheus.targets()}"


def test_every_panel_has_data(watch):
    missing = {it.filled: it.place for it in panel_expressions() if not _needs_last_week(it.text)}
    for _ in range(_ATTEMPTS):
        # Some panels cover half a minute only, and the load may be older than that.
        assert watch.service.ask(QUESTION, mode="generate").status_code == 200
        missing = _without_samples(watch.prometheus, missing, seconds=30)
        if not missing:
            break
    assert missing == {}


def test_every_rule_is_healthy_and_every_recorded_series_exists(watch):
    current = watch.prometheus.rules
    unhealthy = _poll(
        not_, lambda: {rule["name"]: rule.get("lastError") for rule in current() if rule["health"] != "ok"}
    )
    assert unhealthy == {}
    for _, rule in rules():
        if "record" in rule and not _needs_last_week(rule["record"]):
            labels = ",".join(f'{name}="{value}"' for name, value in rule.get("labels", {}).items())
            _wait_for(watch.prometheus, f"{rule['record']}{{{labels}}}")


def test_prometheus_accepts_every_query_of_the_runbooks_and_the_diagnosis_page(watch):
    for expression in (*runbook_expressions(), *diagnosis_expressions()):
        watch.prometheus.query(expression.filled)


def test_every_series_in_a_rule_or_a_document_exists_with_its_labels(watch):
    # An alert on outcome="fail" would never fire if the code says "failed".
    shipped = [*rule_expressions(), *runbook_expressions(), *diagnosis_expressions()]
    selectors = {
        f"count({selector})": it.place for it in shipped for selector in it.selectors if not _needs_a_cluster(selector)
    }
    assert len(selectors) > 30
    assert _without_samples(watch.prometheus, selectors) == {}


@needs_kubectl
def test_every_query_of_autoscaling_and_rollout_analysis_has_a_value(watch):
    cluster_queries = {query for name in ("staging", "prod") for _, query in queries(overlay(name))}
    assert len(cluster_queries) == 5
    # Some queries divide by the requests of the last two minutes, and the load may be older than that.
    assert watch.service.ask(QUESTION, mode="generate").status_code == 200
    _wait_for(watch.prometheus, 'sum(increase(rag_requests_total{route="/v1/answers"}[1m])) > 0')
    for query in cluster_queries:
        # Only the Prometheus of a cluster adds these labels.
        local = re.sub(r'(?:,\s*)?\b(?:namespace|rollouts_pod_template_hash)="[^"]*"', "", query)
        (sample,) = _poll(bool, partial(watch.prometheus.query, local))
        assert math.isfinite(float(sample["value"][1])), query


def test_both_processes_export_zero_lost_spans_if_tracing_is_off(watch):
    for result in ("failed", "dropped"):
        total = f'sum by (job) (rag_trace_spans_total{{result="{result}"}})'
        samples = _poll(lambda samples: len(samples) == 2, partial(watch.prometheus.query, total))
        values = {sample["metric"]["job"]: sample["value"][1] for sample in samples}
        assert values == {"groundwork-service": "0", "groundwork-worker": "0"}


def test_no_alert_fires_in_a_healthy_installation(watch):
    # On a busy machine the event loop is really blocked.
    assert watch.prometheus.firing() <= {"EventLoopBlocked"}


def test_metrics_cost_the_service_less_than_they_cost_their_reader(watch):
    # Both in processor time and in turn, because it grows too on a busy machine. Half is usual: 10 ms of 20.
    service = psutil.Process(watch.service.process.pid)
    written, read = [], []
    for _ in range(5):
        before = sum(service.cpu_times()[:2])
        for _ in range(_RENDERINGS):
            text = watch.service.http.get("/metrics").text
        written.append((sum(service.cpu_times()[:2]) - before) / _RENDERINGS)
        began = time.process_time()
        assert list(text_string_to_metric_families(text))
        read.append(time.process_time() - began)
    assert min(written) <= min(read), f"{min(written) * 1000:.1f} ms for {len(text.splitlines())} lines"


def test_no_label_contains_input_of_users(watch):
    watch.service.http.get("/v1/documents/a-document-that-is-not-there")
    watch.service.http.get("/no/such/page")
    text = watch.service.http.get("/metrics").text
    assert "a-document-that-is-not-there" not in text
    assert "/no/such/page" not in text
    assert not re.search(r"E1234|Mona", text)
