"""The web page offers the formats that the service ingests and draws the metrics that the service exports."""

import re
from pathlib import Path

from prometheus_client import REGISTRY

import service.metrics  # noqa: F401
from rag.formats import FORMATS

_PAGE = Path(__file__).parents[3] / "service" / "page"


def test_the_file_dialog_of_the_page_accepts_every_suffix_of_the_format_registry():
    [accepted] = re.findall(r'accept="([^"]+)"', (_PAGE / "index.html").read_text())
    suffixes = [suffix for known in FORMATS for suffix in known.suffixes]

    assert [suffix.strip() for suffix in accepted.split(",")] == suffixes


def test_the_page_draws_only_metrics_that_the_service_exports():
    exported = {name for family in REGISTRY.collect() for name in (family.name, f"{family.name}_total")}
    drawn = {name for file in (_PAGE / "operate").glob("*.js") for name in re.findall(r"\brag_\w+", file.read_text())}
    assert len(drawn) > 8
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in drawn} <= exported
