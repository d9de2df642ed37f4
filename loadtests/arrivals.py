"""Arrival times and questions of a run. Both are drawn from a seed, so a run can be repeated."""

import itertools
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_HEADING = re.compile(r"^(#{1,4})\s+(.+?)\s*#*$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_MARKUP = re.compile(r"[`*_]|\[([^\]]*)\]\([^)]*\)")


def poisson(rate: float, seconds: float, *, seed: int) -> list[float]:
    """Return the arrival times of a Poisson process: exponential gaps with mean 1/rate, up to `seconds`."""
    random_source = random.Random(f"arrivals:{seed}")
    times = itertools.accumulate(iter(lambda: random_source.expovariate(rate), None))
    return list(itertools.takewhile(lambda time: time < seconds, times))


def zipf(questions: Sequence[str], *, seed: int, exponent: float = 1.0) -> Iterator[str]:
    """Yield questions for ever; the one of rank k has weight 1/k**exponent. The seed also decides the ranks."""
    random_source = random.Random(f"questions:{seed}")
    ranked = random_source.sample(questions, len(questions))
    weights = list(itertools.accumulate(1 / rank**exponent for rank in range(1, len(ranked) + 1)))
    while True:
        yield random_source.choices(ranked, cum_weights=weights)[0]


def read_questions(path: Path) -> list[str]:
    """Return the questions of a file or a folder.

    A file has one question per line: plain text, or a JSON object with `question`.
    A folder gives one question per heading of its Markdown files.
    """
    if path.is_dir():
        pages = sorted(path.rglob("*.md"))
        return list(dict.fromkeys(question for page in pages for question in questions_about(page.read_text())))
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    return [json.loads(line)["question"] if line.startswith("{") else line.strip() for line in lines]


def questions_about(markdown: str) -> list[str]:
    """Return one question per heading. The page's title is part of each, because "Notes" alone finds nothing."""
    headings = [_MARKUP.sub(r"\1", match[2]) for match in _HEADING.finditer(_FENCED.sub("", markdown))]
    if not headings:
        return []
    title, *parts = headings
    return [f"What is said about {title}?", *(f"What does {title} say about {part}?" for part in parts)]
