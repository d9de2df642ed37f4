"""Convert table rows to text: each value follows its column's name, so that a row is clear on its own."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Final

from ingest.parsing.outline import OutlineBuilder

# A few title and note rows may precede the header.
_PROBED_ROWS: Final = 10
_MAX_LABEL_CHARACTERS: Final = 80
# A longer row has one value per line, so that the chunker can split it between values.
_MAX_LINE_CHARACTERS: Final = 400
_VALUE: Final = re.compile(r"[-+(]?[$€£]?[-+]?[\d.,]*\d[\d.,:/T-]*\)?\s*%?")
_YEAR: Final = re.compile(r"(?:1[89]|2[01])\d\d")


def add_table(rows: Iterable[Sequence[str]], builder: OutlineBuilder) -> None:
    """Add a block for each row with a value; the header is the first row that looks like column names, if any."""
    tidy = ([" ".join(value.split()) for value in row] for row in rows)
    filled = (row for row in tidy if any(row))
    head = list(islice(filled, _PROBED_ROWS))
    header = _header_of(head)
    if header is None:
        labels, body = [], chain(head, filled)
    else:
        labels, body = [label[:_MAX_LABEL_CHARACTERS] for label in head[header]], chain(head[header + 1 :], filled)
        for row in head[:header]:
            builder.add_block(_labelled([], row))
        if header == len(head) - 1:
            # Without rows below it the header is the only content.
            builder.add_block(_labelled([], head[header]))
    for row in body:
        builder.add_block(_labelled(labels, row))


def _header_of(rows: Sequence[Sequence[str]]) -> int | None:
    widest = max((sum(map(bool, row)) for row in rows), default=0)
    return next((index for index, row in enumerate(rows) if widest > 1 and _is_header(row, widest)), None)


def _is_header(row: Sequence[str], widest: int) -> bool:
    labels = [value for value in row if value]
    are_names = all(_YEAR.fullmatch(label) or not _VALUE.fullmatch(label) for label in labels)
    return len(labels) * 2 >= max(widest, 3) and are_names and len(set(labels)) == len(labels)


def _labelled(labels: Sequence[str], row: Sequence[str]) -> str:
    padded = chain(labels, [""] * (len(row) - len(labels)))
    values = [f"{label}: {value}" if label else value for label, value in zip(padded, row, strict=False) if value]
    line = " | ".join(values)
    return line if len(line) <= _MAX_LINE_CHARACTERS else "\n".join(values)
