"""Scripted answers and documents of the fake service."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

AnswerRequest = dict[str, Any]
"""The body of a request to /v1/answers."""
Event = tuple[str, dict[str, Any]]

CITATIONS: list[dict[str, Any]] = [
    {
        "n": 1,
        "document_id": "operating.md",
        "title": "Operating Groundwork",
        "heading_path": ["Publishing", "Revisions"],
        "place": {"line": 17},
        "uri": "docs/operating.md",
        "ordinal": 4,
        "score": 0.0328,
        "similarity": 0.7142,
        "text": "The writer owns a working shard and publishes it as a revision: flush, index, copy, and an atomic "
        "rename of the pointer.\n\nThe service loads a new revision beside the old one, swaps, and closes the old one. "
        "A reader therefore sees whole revisions only, and a rollback is a rename.",
        "quote": "The service loads a new revision beside the old one, swaps, and closes the old one.",
    },
    {
        "n": 2,
        "document_id": "tour.md",
        "title": "A guided tour",
        "heading_path": ["The write path", "The worker"],
        "place": {},
        "uri": "https://groundwork.example/docs/tour",
        "ordinal": 0,
        "score": 0.0161,
        "similarity": 0.5873,
        "text": "Parsing and embedding never happen in the process that answers. A worker takes documents from the "
        "inbox, so tokens keep their rhythm while five thousand passages are ingested.",
        "quote": "A worker takes documents from the inbox, so tokens keep their rhythm while five thousand passages "
        "are ingested.",
    },
    {
        "n": 3,
        "document_id": "capacity.md",
        "title": "Capacity planning",
        "heading_path": ["Memory"],
        "place": {"page": 3},
        "uri": "docs/measurements/capacity.md",
        "ordinal": 2,
        "score": 0.0154,
        "similarity": 0.4126,
        "text": "Two revisions are open for the length of a swap: plan for twice the size of the index.",
        "quote": None,
    },
]
ANSWER = (
    "No. The service loads a new revision beside the old one, swaps, and closes the old one, so questions in flight "
    "are never interrupted [1]. The work itself is a worker's, and tokens keep their rhythm while passages are "
    "ingested [2]."
)
QUOTED = """The service loads a new revision beside the old one, swaps, and closes the old one. [1]

- `current` names the revision that is served
[2]

Publish it:
```bash
mv current.next current  # atomic [1]
```
[1]"""
UNSURE_ANSWER = f"This may not answer your question:\n\n{QUOTED}"
NOT_FOUND = "The documents do not say."
TIMINGS = {
    "embed": 0.0084,
    "search": 0.0011,
    "prompt": 0.0004,
    "first_token": 0.0612,
    "generate": 1.1389,
    "total": 1.21,
}
DECLINED_TIMINGS = {"embed": 0.0084, "search": 0.0011, "total": 0.0101}


class Problem(Exception):
    def __init__(self, status: int, title: str, detail: str, *, retryable: bool = False) -> None:
        super().__init__(detail)
        self.body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "retryable": retryable}


BUSY = Problem(429, "Too Many Requests", "All 16 places for answers are taken.", retryable=True)
BROKEN = Problem(502, "Bad response", "The model server closed the connection.", retryable=True)


async def scripted_answer(request: AnswerRequest, seconds_per_token: float = 0.002) -> AsyncIterator[Event]:
    question = request["question"]
    is_unsure = "unclear" in question
    mode = "quote" if is_unsure else request.get("mode", "generate")
    answer = UNSURE_ANSWER if is_unsure else QUOTED if mode == "quote" else ANSWER
    if "busy" in question:
        raise BUSY
    if "nothing" in question:
        yield "sources", {"sources": []}
        yield "token", {"text": NOT_FOUND}
        yield "done", done(NOT_FOUND, mode=mode, declined=True)
        return
    yield "sources", {"sources": [{**citation, "quote": None} for citation in CITATIONS]}
    # Three characters per token, so that markers are split between tokens.
    for start in range(0, len(answer), 3):
        await asyncio.sleep(seconds_per_token)
        yield "token", {"text": answer[start : start + 3]}
        if "break" in question and start > 60:
            yield "error", BROKEN.body
            return
    finish = "length" if "cut off" in question else "content_filter" if "filtered" in question else "stop"
    yield "done", done(answer, cited=(1, 2), mode=mode, finish=finish, unsure=is_unsure)


def done(
    answer: str,
    *,
    cited: tuple[int, ...] = (),
    mode: str = "generate",
    declined: bool = False,
    unsure: bool = False,
    finish: str = "stop",
) -> dict[str, Any]:
    counts = mode != "quote" and not declined
    return {
        "id": "answer-1",
        "question": "",
        "answer": answer,
        "declined": declined,
        "unsure": unsure,
        "citations": [citation for citation in CITATIONS if citation["n"] in cited],
        "usage": {"prompt_tokens": 412 if counts else None, "completion_tokens": 58 if counts else None},
        "finish_reason": finish if counts else None,
        "timings": DECLINED_TIMINGS if declined else TIMINGS,
        "model": "" if declined else "quote" if mode == "quote" else "SmolLM2-135M-Instruct",
        "mode": mode,
    }


def document(document_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": document_id,
        "title": document_id,
        "uri": f"docs/{document_id}",
        "media_type": "text/markdown",
        "chunks": 12,
        "ingested_at": "2026-03-02T09:41:00Z",
        "state": "ready",
        "warnings": [],
        **fields,
    }


LIBRARY = (
    document("operating.md", title="Operating Groundwork", chunks=31),
    document("tour.md", title="A guided tour", chunks=18),
    document("capacity.md", title="Capacity planning", chunks=9),
    document("0004-hybrid.md", title="Fuse dense and BM25 rankings inside Qdrant", chunks=6),
)
