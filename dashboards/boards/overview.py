"""The first look: is what was promised being kept, and how fast is the budget going?"""

from collections.abc import Sequence

from dashboards.grafana import Board, Panel, Query, Row, quantiles
from dashboards.slos import FAST, RATIO, Burn, Slo

FIRST_TOKEN = "Time to first token, as users see it"


def board(objectives: Sequence[Slo]) -> Board:
    return Board(
        name="overview",
        title="Overview",
        description="What is promised and what is left of it. From here: Request path, Retrieval and drift, "
        "Ingestion, Saturation.",
        rows=[
            Row(title="What is promised", panels=[*map(_budget, objectives), *map(_burn, FAST)]),
            Row(title="What users see", panels=[_REQUESTS, _first_token(objectives), _ANSWERS, _ERRORS]),
            Row(title="What is running", panels=[_ALERTS, _UP, _VERSION]),
        ],
    )


def _budget(slo: Slo) -> Panel:
    spent = f"1 - {slo.bad} / ({slo.total} > 0) / {slo.budget}"
    return Panel(
        title=f"Budget left: {slo.name.replace('_', ' ')}",
        description=f"{slo.promise}. 100 %: nothing of the last 30 days' budget is spent; below 0: the promise is "
        f"broken. Runbook: docs/operations/runbooks/{slo.alert}.md.",
        unit="percentunit",
        kind="stat",
        width=6,
        queries=[Query(spent.replace("by (job)", "by (namespace, job)").replace("$w", "30d"), "{{namespace}} {{job}}")],
    )


def _burn(burn: Burn) -> Panel:
    return Panel(
        title=f"Burn rate over {burn.long}",
        description=f"1: the budget lasts exactly 30 days. Above {burn.factor:g}, the dashed line, here and over "
        f"{burn.short}, availability and the first token page; the others are a ticket.",
        unit="none",
        queries=[
            Query(
                f'{RATIO}{burn.long}{{namespace=~"$namespace",job=~"$job"}}'
                " / on (namespace, slo) group_left () (1 - slo:objective:ratio)",
                "{{namespace}} {{slo}}",
            ),
        ],
        thresholds=((burn.factor, "red"),),
    )


def _first_token(objectives: Sequence[Slo]) -> Panel:
    (promised,) = [slo.seconds for slo in objectives if slo.name == "first_token" and slo.seconds]
    return Panel(
        title=FIRST_TOKEN,
        description="From the request's arrival to the first byte of answer text, all stages included. The dashed line "
        "is what 95 % must keep. Where it goes: Request path.",
        unit="s",
        queries=quantiles("rag_time_to_first_token_seconds", exemplars=True),
        thresholds=((promised, "red"),),
    )


_REQUESTS = Panel(
    title="Requests by outcome",
    description="Per second, of the API's routes. error: a 5xx, a 429 or a stream that broke; refused: another 4xx.",
    unit="reqps",
    stacked=True,
    queries=[
        Query(
            'sum by (outcome) (rate(rag_requests_total{$on,route=~"/v1/.*"}[$__rate_interval]))',
            "{{outcome}}",
        )
    ],
)
_ANSWERS = Panel(
    title="Answers by how they were written",
    description="Per second. refused: the documents do not say anything about it.",
    unit="reqps",
    stacked=True,
    queries=[Query("sum by (mode) (rate(rag_answers_total{$on}[$__rate_interval]))", "{{mode}}")],
)
_ERRORS = Panel(
    title="What made answers fail",
    description="Failures per second by stage; write: the quotes or the language model.",
    unit="reqps",
    queries=[Query("sum by (stage) (rate(rag_stage_failures_total{$on}[$__rate_interval]))", "{{stage}}")],
)
_ALERTS = Panel(
    title="Alerts that fire",
    description="Of this project's rules; each has a runbook in docs/operations/runbooks.",
    unit="none",
    kind="stat",
    width=8,
    # What is true of no job alone has none; ours are told by their severities from what others call critical or none.
    queries=[
        Query(
            'count(ALERTS{alertstate="firing",severity=~"page|ticket",namespace=~"$namespace",job=~"$job|"})'
            " or vector(0)",
            "firing",
        )
    ],
    thresholds=((1.0, "red"),),
)
_UP = Panel(
    title="Processes that answer",
    description="Of those that Prometheus knows, by job.",
    unit="none",
    kind="stat",
    width=8,
    queries=[Query("sum by (job) (up{$on})", "{{job}}")],
)
_VERSION = Panel(
    title="Versions",
    description="How many processes run which version on which Python: two during a rollout.",
    unit="none",
    kind="stat",
    width=8,
    queries=[
        Query("count by (job, version, python) (rag_build_info{$on})", "{{job}} {{version}} (Python {{python}})"),
    ],
)
