"""The first dashboard to open: are the objectives met, and how fast are the error budgets spent?"""

from collections.abc import Sequence

from dashboards.grafana import Board, Panel, Query, Row, quantiles, rates
from dashboards.slos import FAST, RATIO, Burn, Slo

FIRST_TOKEN = "User time to first token"


def board(objectives: Sequence[Slo]) -> Board:
    return Board(
        name="overview",
        title="Overview",
        description="Service level objectives, error budgets and the state of the processes. Details: Request path, "
        "Retrieval and drift, Ingestion, Saturation.",
        rows=[
            Row(title="Service level objectives", panels=[*map(_budget, objectives), *map(_burn, FAST)]),
            Row(title="User experience", panels=[_REQUESTS, _first_token(objectives), _ANSWERS, _ERRORS]),
            Row(title="Processes", panels=[_ALERTS, _UP, _VERSION]),
        ],
    )


def _budget(slo: Slo) -> Panel:
    spent = f"1 - {slo.bad} / ({slo.total} > 0) / {slo.budget}"
    return Panel(
        title=f"Error budget left: {slo.name.replace('_', ' ')}",
        description=f"Objective: {slo.promise}. 100 % means that no budget of the last 30 days is spent. Below 0 % the "
        f"objective is missed. Runbook: docs/operations/runbooks/{slo.alert}.md.",
        unit="percentunit",
        kind="stat",
        width=6,
        queries=[Query(spent.replace("by (job)", "by (namespace, job)").replace("$w", "30d"), "{{namespace}} {{job}}")],
    )


def _burn(burn: Burn) -> Panel:
    return Panel(
        title=f"Burn rate over {burn.long}",
        description=f"At a burn rate of 1 the error budget lasts exactly 30 days. The alert fires when the rate is "
        f"above {burn.factor:g} (dashed line) over both {burn.long} and {burn.short}: a page for availability and "
        "first token, a ticket for the other objectives.",
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
        description="From the arrival of the request to the first byte of answer text, all stages included. The p95 "
        "must stay below the dashed line. The dashboard Request path shows the time of each stage.",
        unit="s",
        queries=quantiles("rag_time_to_first_token_seconds", exemplars=True),
        thresholds=((promised, "red"),),
    )


_REQUESTS = Panel(
    title="Requests by outcome",
    description="Requests per second to the API under /v1. error: 5xx or a broken stream. overloaded: 429. "
    "invalid: another 4xx. abandoned: the reader gave up waiting. cancelled: the reader left early or with a part.",
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
    title="Answers by mode",
    description="Answers per second by mode. declined: no passage that answers was found.",
    unit="reqps",
    stacked=True,
    queries=rates("rag_answers_total", by="mode"),
)
_ERRORS = Panel(
    title="Failed requests by stage",
    description="Failures per second. embed: the embedder. search: the vector store. write: quoting or the language "
    "model.",
    unit="reqps",
    queries=rates("rag_stage_failures_total", by="stage"),
)
_ALERTS = Panel(
    title="Firing alerts",
    description="The number of firing alerts of this project. Each alert has a runbook in docs/operations/runbooks.",
    unit="none",
    kind="stat",
    width=8,
    # Alerts on drift have no job, so the empty job is allowed. The severities exclude alerts of other projects.
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
    title="Processes up",
    description="The number of processes that answered the last scrape, by job.",
    unit="none",
    kind="stat",
    width=8,
    queries=[Query("sum by (job) (up{$on})", "{{job}}")],
)
_VERSION = Panel(
    title="Versions",
    description="The number of processes by version and Python version. Two versions are normal during a rollout.",
    unit="none",
    kind="stat",
    width=8,
    queries=[
        Query("count by (job, version, python) (rag_build_info{$on})", "{{job}} {{version}} (Python {{python}})"),
    ],
)
