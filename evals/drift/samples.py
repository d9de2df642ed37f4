"""Samples of questions to compare: texts from a file, or vectors that the service stored."""

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from evals.collection import open_configured_embedder
from rag.embedding.base import Embedder
from rag.errors import InvalidInput
from rag.types import EmbedderIdentity
from service.drift.archives import UNREADABLE, open_arrays
from service.drift.base import Observation
from service.drift.reference import MAX_QUESTIONS, Reference, Vectors, read_reference
from service.drift.window import draw_together, read_window
from service.settings import Settings

_FIELDS = ("question", "text", "query")
_SEED = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The questions of one period."""

    observations: Sequence[Observation]
    embedder: EmbedderIdentity
    texts: Sequence[str] | None = None
    """None if only vectors were stored."""
    reference: Reference | None = None
    """Set if the sample is a reference file. Its bins are used then."""

    @property
    def vectors(self) -> Vectors:
        return np.stack([observation.vector for observation in self.observations])


async def read_samples(sources: Sequence[str], settings: Settings) -> list[Sample]:
    """Read samples. A source is a file of questions as JSON lines, a reference, or windows.

    Windows are one file, a folder, or a file pattern. The embedder is loaded only if a source has texts. Raise
    `InvalidInput` for unreadable sources, and if the samples come from different embedders.
    """
    async with AsyncExitStack() as stack:
        embedder: Embedder | None = None
        samples = []
        for source in sources:
            if not is_stored(source):
                texts = _limit(read_questions(Path(source)))
                if embedder is None:
                    embedder = await stack.enter_async_context(open_configured_embedder(settings))
                samples.append(await _embed(texts, embedder, Path(source).name))
            else:
                samples.append(_read_stored(source))
    if len({sample.embedder for sample in samples}) > 1:
        raise InvalidInput("The samples were embedded by different embedders, so their vectors cannot be compared.")
    return samples


def read_questions(path: Path) -> list[str]:
    """Read one question per line: a JSON string, or an object with `question`, `text` or `query`."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    return [_question(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1) if line.strip()]


def _question(line: str, where: str) -> str:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"{where}: not JSON: {error}") from error
    question = row if isinstance(row, str) else None
    if isinstance(row, dict):
        question = next((row[field] for field in _FIELDS if isinstance(row.get(field), str)), None)
    if not question or not question.strip():
        raise InvalidInput(
            f"{where}: no question. Write a JSON string, or an object with one of the fields {', '.join(_FIELDS)}."
        )
    return question


def _limit(texts: list[str]) -> list[str]:
    if len(texts) <= MAX_QUESTIONS:
        return texts
    chosen = np.random.default_rng(_SEED).choice(len(texts), MAX_QUESTIONS, replace=False)
    return [texts[index] for index in sorted(chosen)]


async def _embed(texts: list[str], embedder: Embedder, title: str) -> Sample:
    """Embed one text at a time, as the service does, because a vector depends slightly on its batch."""
    vectors = [await embedder.embed_query(text) for text in track(texts, title)]
    observations = [Observation(vector=vector, values={}) for vector in vectors]
    return Sample(observations=observations, texts=texts, embedder=embedder.identity)


def is_stored(source: str) -> bool:
    return source.endswith(".npz") or Path(source).is_dir() or "*" in source


def _read_stored(source: str) -> Sample:
    folder = Path(source)
    paths = sorted(folder.glob("*.npz")) if folder.is_dir() else sorted(folder.parent.glob(folder.name))
    if not paths:
        raise InvalidInput(f"There are no windows at {source}.")
    if len(paths) == 1 and _is_reference(paths[0]):
        reference = read_reference(paths[0])
        observations = [Observation(vector=vector, values={}) for vector in reference.vectors]
        return Sample(observations=observations, embedder=reference.embedder, reference=reference)
    window = draw_together([read_window(path) for path in paths])
    observations = list(window.observations)
    if len(observations) > MAX_QUESTIONS:
        picked = np.random.default_rng(_SEED).choice(len(observations), MAX_QUESTIONS, replace=False)
        observations = [observations[index] for index in picked]
    return Sample(observations=observations, embedder=window.embedder)


def _is_reference(path: Path) -> bool:
    try:
        with open_arrays(path) as file:
            return "axes" in file
    except UNREADABLE as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
