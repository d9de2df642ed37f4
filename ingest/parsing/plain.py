"""Plain text: one section, paragraphs divided by blank lines."""

from ingest.parsing.outline import Outline, OutlineBuilder


def parse_plain(text: str) -> Outline:
    builder = OutlineBuilder()
    builder.add_block(text)
    return builder.build()
