"""A stand-in for a capable model: it answers from the passages in its prompt, and cites where the prompt asks it to.

What comes out depends on the prompt and on nothing else, so that the gate can tell within seconds, and without a model,
whether a prompt still shows the passages under their numbers and still asks for citations.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from service.quoting import coverage, split_sentences

_PASSAGE = re.compile(r"^\[(\d+)\] ", re.MULTILINE)
_ASKS_TO_CITE = re.compile(r"\bcit(?:e|ation|ing)|\[\d\]|\[n\]|square brackets", re.IGNORECASE)
_ASKS_NOT_TO = re.compile(
    r"\b(?:no|not|never|without|don't)\s(?:\w+\s){0,4}?(?:cit(?:e|ation|ing)|markers?|brackets)", re.IGNORECASE
)
_SENTENCES = 2
_NOTHING = "The passages do not hold the answer."


@dataclass
class StandIn:
    """Where it listens, and the rules of the prompts that it was given, passages and questions left out."""

    url: str
    rules: list[str] = field(default_factory=list)


@asynccontextmanager
async def serve_stand_in() -> AsyncIterator[StandIn]:
    """OpenAI's `/v1/chat/completions` on loopback, streamed."""
    stand_in = StandIn(url="")

    async def complete(request: web.Request) -> web.StreamResponse:
        system, user = (message["content"] for message in (await request.json())["messages"])
        _, rules = _split(user)
        stand_in.rules.append(f"{system}\n{rules.replace(_question(rules), '')}")
        return await _stream(request, write_answer(system, user))

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield stand_in
    finally:
        await runner.cleanup()


def write_answer(system: str, user: str) -> str:
    """The sentences that share most words with the question, with their passages' numbers where that is asked for."""
    passages, rules = _split(user)
    question = _question(rules)
    ranked = sorted(
        ((coverage(question, sentence), -number, sentence) for number, text in passages for sentence in _read(text)),
        reverse=True,
    )
    if not ranked:
        return _NOTHING
    asked = f"{system}\n{_around_passages(user)}"
    cites = bool(_ASKS_TO_CITE.search(asked)) and not _ASKS_NOT_TO.search(asked)
    return " ".join(
        f"{' '.join(sentence.split()).rstrip('.')}{f' [{-number}]' if cites else ''}."
        for _, number, sentence in ranked[:_SENTENCES]
    )


def _around_passages(user: str) -> str:
    """What may be a rule: nothing shows where the last passage ends, so from its second paragraph on it counts too."""
    marks = list(_PASSAGE.finditer(user))
    return user[: marks[0].start()] + user[marks[-1].end() :].partition("\n\n")[2] if marks else user


def _question(rules: str) -> str:
    return rules.rsplit("Question:", 1)[-1].strip().removesuffix("Answer:").strip()


def _read(passage: str) -> Sequence[str]:
    return split_sentences(passage) or [passage]


def _split(user: str) -> tuple[list[tuple[int, str]], str]:
    """The passages under the numbers that the prompt shows them with, and what the prompt says around them."""
    marks = list(_PASSAGE.finditer(user))
    if not marks:
        return [], user
    ends = [mark.start() for mark in marks[1:]]
    last, _, after = user[marks[-1].end() :].rpartition("\n\n")
    texts = [user[mark.end() : end] for mark, end in zip(marks, ends, strict=False)] + [last]
    passages = [(int(mark[1]), text.strip()) for mark, text in zip(marks, texts, strict=True)]
    return passages, user[: marks[0].start()] + after


async def _stream(request: web.Request, text: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    usage = {"prompt_tokens": 0, "completion_tokens": len(text.split())}
    for event in ({"choices": [{"delta": {"content": text}}]}, {"choices": [], "usage": usage}):
        await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    return response
