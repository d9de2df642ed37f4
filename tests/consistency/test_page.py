"""What the page offers is what is understood, and what it draws is what the service measures."""

import re
from pathlib import Path

from prometheus_client import REGISTRY

import service.metrics  # noqa: F401
from rag.formats import KNOWN_SUFFIXES

_PAGE = Path(__file__).parents[2] / "service" / "page"


def test_the_page_offers_every_kind_of_file_that_is_understood():
    [accepted] = re.findall(r'accept="([^"]+)"', (_PAGE / "index.html").read_text())

    assert [suffix.strip() for suffix in accepted.split(",")] == list(KNOWN_SUFFIXES)


def test_the_page_draws_no_metric_that_nobody_emits():
    told = {name for family in REGISTRY.collect() for name in (family.name, f"{family.name}_total")}
    read = {name for file in (_PAGE / "operate").glob("*.js") for name in re.findall(r"\brag_\w+", file.read_text())}
    assert len(read) > 8
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in read} <= told
