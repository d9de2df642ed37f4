"""When requests arrive, and what they ask: both drawn from a seed, so that a run can be repeated."""

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
    """Seconds at which requests arrive: gaps are exponential with mean 1/rate, whatever became of those before."""
    chosen = random.Random(f"arrivals:{seed}")
    times = itertools.accumulate(iter(lambda: chosen.expovariate(rate), None))
    return list(itertools.takewhile(lambda time: time < seconds, times))


def zipf(questions: Sequence[str], *, seed: int, exponent: float = 1.0) -> Iterator[str]:
    """Question of rank k as often as 1/k**exponent; the seed decides who is popular, too."""
    chosen = random.Random(f"questions:{seed}")
    ranked = chosen.sample(questions, len(questions))
    cumulated = list(itertools.accumulate(1 / rank**exponent for rank in range(1, len(ranked) + 1)))
    while True:
        yield chosen.choices(ranked, cum_weights=cumulated)[0]


def read_questions(path: Path) -> list[str]:
    """Of a file one to a line, as text or as JSON with `question`; of a folder one to each heading of its Markdown."""
    if path.is_dir():
        pages = sorted(path.rglob("*.md"))
        return list(dict.fromkeys(question for page in pages for question in questions_about(page.read_text())))
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    return [json.loads(line)["question"] if line.startswith("{") else line.strip() for line in lines]


def questions_about(markdown: str) -> list[str]:
    """A question to each heading, with the page's title where the heading alone would be too little."""
    headings = [_MARKUP.sub(r"\1", found[2]) for found in _HEADING.finditer(_FENCED.sub("", markdown))]
    if not headings:
        return []
    title, *parts = headings
    return [f"What is said about {title}?", *(f"What does {title} say about {part}?" for part in parts)]
