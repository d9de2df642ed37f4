"""The page of metrics, read off the metric objects of both programs."""

from types import ModuleType

from prometheus_client.metrics import MetricWrapperBase

import ingest.metrics
import rag.metrics
import service.metrics
from tests.support.reference.markdown import NOTICE, join_blocks, to_table

_INTRODUCTION = """\
The service serves its metrics at `/metrics` on its own port.
The worker serves its metrics at `/metrics` on `RAG_WORKER_PORT`.
Units are Prometheus's base units: seconds, bytes, ratios from 0 to 1.
A histogram `NAME` has the series `NAME_bucket`, `NAME_sum` and `NAME_count`.
[Monitoring](../guides/monitoring.md) says what to watch.
[Diagnose](../operations/diagnose.md) leads from a symptom to a metric."""
_SECTIONS: tuple[tuple[str, ModuleType], ...] = (
    ("Both programs", rag.metrics),
    ("Service", service.metrics),
    ("Worker", ingest.metrics),
)


def render_page() -> str:
    sections = [
        block
        for title, module in _SECTIONS
        for block in (f"## {title}", to_table(("metric", "type", "labels", "description"), _rows_of(module)))
    ]
    return join_blocks(["# Metrics", NOTICE, _INTRODUCTION, *sections])


def _rows_of(module: ModuleType) -> list[tuple[str, str, str, str]]:
    metrics = {id(value): value for value in vars(module).values() if isinstance(value, MetricWrapperBase)}
    # A metric with labels also has a child object for each combination; only the parent describes the metric.
    return [_to_row(metric) for metric in metrics.values() if not metric._labelvalues]


def _to_row(metric: MetricWrapperBase) -> tuple[str, str, str, str]:
    name = f"{metric._name}_total" if metric._type == "counter" else metric._name
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    return f"`{name}`", str(metric._type), labels, metric._documentation
