"""The shipped rules with a faster clock: all durations are divided by one factor, and nothing else changes."""

import copy
import re
from typing import Any

import yaml

from tests.support.shipped.expressions import RULE_FILES

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WINDOW = re.compile(r"\[(\d+)([smhd])\]")
# Thresholds that are durations: the age of an entry and the freshness of a document.
_AGE = re.compile(r"(rag_ingest_queue_lag_seconds\) > )(\d+)")
_FRESHNESS = re.compile(r'(rag_ingest_freshness_seconds_bucket\{le=")([\d.]+)')
# `rate` needs two scrapes, and a busy machine delays them.
_MIN_SECONDS = 4


def fast_rules(factor: int) -> dict[str, str]:
    """Return file name to rules with windows, delays and ages divided by `factor`."""
    return {path.name: yaml.safe_dump(_faster(yaml.safe_load(path.read_text()), factor)) for path in RULE_FILES}


def runbook_query(expression: str, factor: int) -> str:
    """Return a runbook's expression with windows divided by `factor`."""
    return _WINDOW.sub(lambda found: f"[{_shorter(found[1], found[2], factor)}]", expression)


def _faster(rules: dict[str, Any], factor: int) -> dict[str, Any]:
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
    return f"{max(_MIN_SECONDS, int(number) * _UNITS[unit] // factor)}s"
