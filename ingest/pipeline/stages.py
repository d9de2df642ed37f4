"""Stages of a document, timed for the metrics and shown in its trace."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.metrics import STAGE_DURATION
from rag.tracing import semconv
from rag.tracing.spans import Attributes, span


@contextmanager
def stage(name: str) -> Iterator[None]:
    with STAGE_DURATION.labels(name).time(), span(name):
        yield


@contextmanager
def embedding(model: str, passages: int) -> Iterator[None]:
    """The time until all passages of a document have their vectors; the metrics time batches, whosever they are."""
    attributes: Attributes = {
        semconv.OPERATION: semconv.EMBEDDINGS,
        semconv.REQUEST_MODEL: model,
        semconv.EMBEDDED_TEXTS: passages,
    }
    with span(f"{semconv.EMBEDDINGS} {model}", attributes):
        yield
