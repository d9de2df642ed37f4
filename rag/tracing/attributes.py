"""Attributes of several spans, in the format of the conventions. Content is included only if it may be recorded."""

import json
from collections.abc import Sequence
from typing import Any

from yarl import URL

from rag.tracing import semconv
from rag.tracing.spans import Attributes, keeps_content
from rag.types import ScoredChunk

_MAX_DOCUMENTS = 10
"""Tools expand each document to four attributes, and a span may have 128 by default."""


def server_at(url: str) -> Attributes:
    parsed = URL(url)
    return {semconv.SERVER_ADDRESS: parsed.host or "", semconv.SERVER_PORT: parsed.port or 0}


def documents(name: str, hits: Sequence[ScoredChunk]) -> Attributes:
    """Return ids and scores of the best passages."""
    return {name: json.dumps([_document(hit) for hit in hits[:_MAX_DOCUMENTS]])}


def content(name: str, value: str) -> Attributes:
    return {name: value} if keeps_content() else {}


def message(name: str, role: str, value: str) -> Attributes:
    """Return one message in the format of the conventions."""
    return {name: json.dumps([{"role": role, "parts": _parts(value)}])} if keeps_content() else {}


def instructions(value: str) -> Attributes:
    return {semconv.SYSTEM_INSTRUCTIONS: json.dumps(_parts(value))} if keeps_content() else {}


def _document(hit: ScoredChunk) -> dict[str, Any]:
    score = hit.score if hit.rerank_score is None else hit.rerank_score
    known = {"id": hit.chunk.id, "score": round(score, 4)}
    return known | {"content": hit.chunk.text} if keeps_content() else known


def _parts(value: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": value}]
