"""Parse the Markdown that a parser service made from the pages of a document."""

import json

from ingest.parsing.markdown.parser import add_markdown
from ingest.parsing.outline import Outline, OutlineBuilder
from rag.types import Place


def parse_converted(body: bytes) -> Outline:
    """Parse JSON with `pages`, each a number or null and its Markdown, and `is_partial`."""
    conversion = json.loads(body)
    builder = OutlineBuilder()
    for number, markdown in conversion["pages"]:
        builder.set_place(Place(page=number))
        add_markdown(markdown, builder)
    builder.warn("recognised_text")
    if conversion["is_partial"]:
        builder.warn("cut_text", "The parser service converted the document only in part.")
    return builder.build()
