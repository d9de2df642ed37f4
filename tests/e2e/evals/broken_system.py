"""`python -m evals` over a system with deliberate defects, which the first argument names, joined by `+`.

The second argument is a file that caches vectors between runs, because embedding takes most of the time.
"""

import itertools
import pickle
import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from evals.program import main
from ingest.isolation.pool import ParserPool
from rag.embedding import onnx
from service.answering.searching import Searcher
from service.generation.openai import OpenAIGenerator
from service.writing.base import CitedPassage
from service.writing.quote import QuoteWriter


def shuffle_ranks() -> None:
    original = Searcher.in_reading_order
    random_source = random.Random(5)

    def in_reading_order(self, *arguments, **options):
        found = original(self, *arguments, **options)
        return replace(found, hits=random_source.sample(found.hits, len(found.hits)))

    Searcher.in_reading_order = in_reading_order  # type: ignore[method-assign]


def lose_half_of_the_text() -> None:
    original = ParserPool.parse

    async def parse(self, *arguments, **options):
        chunks = await original(self, *arguments, **options)
        return [replace(chunk, text=chunk.text[: len(chunk.text) // 2] or chunk.text) for chunk in chunks]

    ParserPool.parse = parse  # type: ignore[method-assign]


def ask_for_no_citations() -> None:
    original = OpenAIGenerator.generate

    def generate(self, prompt):
        return original(self, replace(prompt, system=without_brackets(prompt.system), user=prompt.user))

    def without_brackets(rules: str) -> str:
        sentences = re.split(r"(?<=\.)\s+", rules)
        return " ".join(sentence for sentence in sentences if "[" not in sentence and "bracket" not in sentence)

    OpenAIGenerator.generate = generate  # type: ignore[method-assign]


def shift_numbers() -> None:
    """Number the passages in the prompt from 0, although citations in the answer count from 1."""
    original = OpenAIGenerator.generate

    def generate(self, prompt):
        numbers = itertools.count()
        user = re.sub(r"^\[\d+\] ", lambda _: f"[{next(numbers)}] ", prompt.user, flags=re.MULTILINE)
        return original(self, replace(prompt, user=user))

    OpenAIGenerator.generate = generate  # type: ignore[method-assign]


def quote_the_last_passage() -> None:
    """Answer with the end of the passage that fits least."""

    async def write(_, writing_input, __):
        text = writing_input.hits[-1].chunk.text[-200:]
        yield f"{text} [{len(writing_input.hits)}]"
        yield CitedPassage(number=len(writing_input.hits), quote=text)

    QuoteWriter.write = write  # type: ignore[method-assign]


DEFECTS: dict[str, Callable[[], None]] = {
    "nothing": lambda: None,
    "ranks": shuffle_ranks,
    "chunks": lose_half_of_the_text,
    "prompt": ask_for_no_citations,
    "selector": quote_the_last_passage,
    "numbers": shift_numbers,
}


@contextmanager
def cached_vectors(path: Path) -> Iterator[None]:
    """Reuse the vectors of texts that an earlier run embedded. This changes no result."""
    original = onnx.load_onnx
    cache = pickle.loads(path.read_bytes()) if path.exists() else {}

    def load(*arguments, **options):
        encode = original(*arguments, **options)

        def recall(texts):
            if new := [text for text in texts if text not in cache]:
                cache.update(zip(new, encode(new), strict=True))
            return np.stack([cache[text] for text in texts])

        return recall

    onnx.load_onnx = load
    try:
        yield
    finally:
        onnx.load_onnx = original
    path.write_bytes(pickle.dumps(cache))


if __name__ == "__main__":
    for defect in sys.argv.pop(1).split("+"):
        DEFECTS[defect]()
    with cached_vectors(Path(sys.argv.pop(1))):
        status = main()
    sys.exit(status)
