"""Parse plain text into one section."""

from ingest.parsing.outline import Outline, OutlineBuilder


def parse_plain(text: str) -> Outline:
    builder = OutlineBuilder()
    builder.add_block(text)
    return builder.build()
