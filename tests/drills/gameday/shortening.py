"""The shipped rules on a quicker clock: every duration is divided by the same factor, and nothing else changes."""

import copy
import re
from typing import Any

import yaml

from tests.support.expressions import RULE_FILES

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WINDOW = re.compile(r"\[(\d+)([smhd])\]")
# Thresholds that are times themselves: the age of an entry, and how fresh a document should be.
_AGE = re.compile(r"(rag_ingest_queue_lag_seconds\) > )(\d+)")
_FRESHNESS = re.compile(r'(rag_ingest_freshness_seconds_bucket\{le=")([\d.]+)')
# `rate` needs two scrapes.
_LEAST_SECONDS = 4


def shortened(factor: int) -> dict[str, str]:
    """File name to rules whose windows, waits and ages are that many times shorter."""
    return {path.name: yaml.safe_dump(_quicker(yaml.safe_load(path.read_text()), factor)) for path in RULE_FILES}


def runbook_query(expression: str, factor: int) -> str:
    """An expression of a runbook over the windows of the quicker clock."""
    return _WINDOW.sub(lambda found: f"[{_shorter(found[1], found[2], factor)}]", expression)


def _quicker(rules: dict[str, Any], factor: int) -> dict[str, Any]:
    rules = copy.deepcopy(rules)
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        expression = runbook_query(rule["expr"], factor)
        expression = _AGE.sub(lambda found: f"{found[1]}{int(found[2]) // factor}", expression)
        rule["expr"] = _FRESHNESS.sub(lambda found: f"{found[1]}{float(found[2]) / factor}", expression)
        for field in ("for", "keep_firing_for"):
            if field in rule:
                [(number, unit)] = re.findall(r"^(\d+)([smhd])$", rule[field])
                rule[field] = f"{max(1, int(number) * _UNITS[unit] // factor)}s"
    return rules


def _shorter(number: str, unit: str, factor: int) -> str:
    return f"{max(_LEAST_SECONDS, int(number) * _UNITS[unit] // factor)}s"
