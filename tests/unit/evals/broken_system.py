"""`python -m evals` over a system that somebody broke: the first argument says how.

The second is a file in which vectors are kept from one run to the next: they are what takes the time.
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
from ingest.isolation.cutters import Cutters
from rag.embedding import onnx
from service.generation.openai import OpenAIGenerator
from service.retrieval.retriever import Retriever


def shuffle_ranks() -> None:
    whole = Retriever.retrieve
    dice = random.Random(5)

    async def retrieve(self, *arguments, **options):
        found = await whole(self, *arguments, **options)
        return replace(found, hits=dice.sample(found.hits, len(found.hits)))

    Retriever.retrieve = retrieve  # type: ignore[method-assign]


def lose_half_of_the_text() -> None:
    whole = Cutters.cut

    async def cut(self, *arguments, **options):
        chunks = await whole(self, *arguments, **options)
        return [replace(chunk, text=chunk.text[: len(chunk.text) // 2] or chunk.text) for chunk in chunks]

    Cutters.cut = cut  # type: ignore[method-assign]


def ask_for_no_citations() -> None:
    whole = OpenAIGenerator.generate

    def generate(self, prompt):
        return whole(self, replace(prompt, system=without_brackets(prompt.system), user=prompt.user))

    def without_brackets(rules: str) -> str:
        sentences = re.split(r"(?<=\.)\s+", rules)
        return " ".join(sentence for sentence in sentences if "[" not in sentence and "bracket" not in sentence)

    OpenAIGenerator.generate = generate  # type: ignore[method-assign]


def shift_numbers() -> None:
    """The prompt counts passages from 0, the answer's citations from 1."""
    whole = OpenAIGenerator.generate

    def generate(self, prompt):
        numbers = itertools.count()
        user = re.sub(r"^\[\d+\] ", lambda _: f"[{next(numbers)}] ", prompt.user, flags=re.MULTILINE)
        return whole(self, replace(prompt, user=user))

    OpenAIGenerator.generate = generate  # type: ignore[method-assign]


BREAKS: dict[str, Callable[[], None]] = {
    "nothing": lambda: None,
    "ranks": shuffle_ranks,
    "chunks": lose_half_of_the_text,
    "prompt": ask_for_no_citations,
    "numbers": shift_numbers,
}


@contextmanager
def keeping_vectors(path: Path) -> Iterator[None]:
    """Nothing is broken in them: of a text that a run before has embedded they are the same."""
    whole = onnx.load_onnx
    kept = pickle.loads(path.read_bytes()) if path.exists() else {}

    def load(*arguments, **options):
        encode = whole(*arguments, **options)

        def recall(texts):
            if new := [text for text in texts if text not in kept]:
                kept.update(zip(new, encode(new), strict=True))
            return np.stack([kept[text] for text in texts])

        return recall

    onnx.load_onnx = load
    yield
    path.write_bytes(pickle.dumps(kept))


if __name__ == "__main__":
    BREAKS[sys.argv.pop(1)]()
    with keeping_vectors(Path(sys.argv.pop(1))):
        status = main()
    sys.exit(status)
