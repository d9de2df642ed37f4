"""What the page offers is what is understood."""

import re
from pathlib import Path

from rag.media import KNOWN_SUFFIXES

_PAGE = Path(__file__).parents[2] / "service" / "page" / "index.html"


def test_the_page_offers_every_kind_of_file_that_is_understood():
    [accepted] = re.findall(r'accept="([^"]+)"', _PAGE.read_text())

    assert [suffix.strip() for suffix in accepted.split(",")] == list(KNOWN_SUFFIXES)
