"""Drafts of a team's own question set: questions with their passages, which a person accepts or corrects.

Without a model, headings and definitions become questions. A configured model server is asked for others.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, zip_longest
from pathlib import Path

import nupunkt

from ingest.isolation.pool import open_parser_pool
from ingest.settings import Settings as IngestSettings
from ingest.sources.base import Rejection
from ingest.sources.files import FileSource
from rag.errors import InvalidInput
from rag.http import open_session
from rag.types import Chunk, RawDocument
from service.generation.base import Generator, Prompt, Reply
from service.generation.factory import build_generator, open_endpoint
from service.settings import OpenAIGeneratorSettings, Settings

_DEFINITION = re.compile(
    r"^(?P<term>(?:(?:an?|the)\s+)?[\w`][\w` .-]{1,40}?)\s+(?:is|means)\s+(?:an?|the)\s", re.IGNORECASE
)
_ARTICLE = re.compile(r"^(?:An?|The)(?= )")
_QUESTION = re.compile(r"^\W*([^\n]{10,200}\?)", re.MULTILINE)
# A pronoun names nothing without the sentence before it.
_PRONOUNS = frozenset({"it", "this", "that", "these", "those", "there", "they", "he", "she", "which", "what", "if"})
_SHORTEST = 40
# First words of headings that say what to do.
_IMPERATIVE = re.compile(
    r"^(?:add|allow|back|build|change|check|choose|configure|connect|create|delete|deploy|disable|"
    r"enable|export|find|fix|import|ingest|install|list|make|migrate|monitor|move|open|read|"
    r"rebuild|remove|rename|replace|reset|restart|restore|return|roll|rotate|run|schedule|"
    r"send|set|start|stop|swap|test|try|turn|update|upgrade|upload|use|watch)\b",
    re.IGNORECASE,
)
_RULES = (
    "You write test questions. Write one question that the passage answers, in the words of a user who has "
    "not read it. Write the question only."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A proposed question with the words that answer it."""

    kind: str
    question: str
    document: str
    quote: str

    def to_json(self, number: int) -> str:
        passage = {"document": self.document, "quote": self.quote}
        row = {"id": f"draft-{number}", "kind": self.kind, "question": self.question, "passages": [passage]}
        return json.dumps(row, ensure_ascii=False)


async def draft(folder: Path, target: Path, settings: Settings, *, limit: int) -> int:
    """Write the texts of the documents to `documents/` and at most `limit` questions to `proposed.jsonl`.

    Return the number of questions. Raise `InvalidInput` if the folder has no documents that can be read.
    """
    chunks = [chunk async for chunk in _read(folder)]
    if not chunks:
        raise InvalidInput(f"{folder} has no document that can be read. Name a folder with documents.")
    names = _write_documents(chunks, target / "documents")
    drafts = [drafted async for drafted in _draft_all(chunks, names, settings, limit=limit)]
    lines = (drafted.to_json(number) for number, drafted in enumerate(drafts, start=1))
    (target / "proposed.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(drafts)


def propose(chunk: Chunk, document: str) -> Iterator[Draft]:
    """Yield questions from the heading and the definitions of a passage, without a model."""
    sentences = [" ".join(str(sentence).split()) for sentence in nupunkt.sent_tokenize(chunk.text.split("\n\n")[0])]
    sentences = [
        sentence
        for sentence in sentences
        if len(sentence) >= _SHORTEST and not sentence.endswith("?") and "```" not in sentence
    ]
    if not sentences:
        return
    heading = chunk.heading_path[-1].strip() if chunk.heading_path else ""
    if heading:
        yield Draft(kind="heading", question=_to_question(heading), document=document, quote=sentences[0])
    for sentence in sentences:
        found = _DEFINITION.match(sentence)
        if found and found["term"].split()[0].lower() not in _PRONOUNS and found["term"] != heading:
            term = found["term"].replace("`", "")
            question = f"What is {_ARTICLE.sub(lambda article: article[0].lower(), term)}?"
            yield Draft(kind="definition", question=question, document=document, quote=sentence)


def _to_question(heading: str) -> str:
    if heading.endswith("?"):
        return heading
    if _IMPERATIVE.match(heading):
        return f"How do I {heading[0].lower()}{heading[1:]}?"
    return f"What do the documents say about {heading[0].lower() + heading[1:] if heading[1:2].islower() else heading}?"


async def _read(folder: Path) -> AsyncIterator[Chunk]:
    settings = IngestSettings()
    source = FileSource(folder, max_bytes=settings.max_document_bytes)
    pool = open_parser_pool(settings.parsing, settings.embedder, chunking=settings.chunking, language=settings.language)
    async with pool as parsers:
        async for unit in source.find():
            if isinstance(unit, Rejection):
                continue
            raw = await unit.fetch("")
            if isinstance(raw, RawDocument):
                for chunk in await parsers.parse(raw, version=""):
                    yield chunk


def _write_documents(chunks: Iterable[Chunk], folder: Path) -> dict[str, str]:
    """Write each document's passages as one Markdown file, and return the names of the files by document id."""
    names: dict[str, str] = {}
    for document, passages in groupby(chunks, key=lambda chunk: chunk.document_id):
        texts = list(passages)
        stem = re.sub(r"[^\w.-]+", "-", texts[0].uri.rsplit("/", 1)[-1]).removesuffix(".md") or "document"
        name = f"{stem}.md" if f"{stem}.md" not in names.values() else f"{stem}-{len(names)}.md"
        names[document] = name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n\n".join(chunk.passage for chunk in texts) + "\n", encoding="utf-8")
    return names


async def _draft_all(
    chunks: Sequence[Chunk], names: dict[str, str], settings: Settings, *, limit: int
) -> AsyncIterator[Draft]:
    # Passages of all documents take turns, so that a limit does not end in the first document.
    ordered = sorted(chunks, key=lambda chunk: chunk.ordinal)
    if isinstance(settings.generator, OpenAIGeneratorSettings):
        async with open_session(settings.http) as session, open_endpoint(settings.generator) as endpoint:
            generator = build_generator(endpoint, settings.answering, session)
            for chunk in ordered[:limit]:
                if question := await _ask(generator, chunk):
                    yield Draft(kind="model", question=question, document=names[chunk.document_id], quote=chunk.text)
        return
    proposals = [drafted for chunk in ordered for drafted in propose(chunk, names[chunk.document_id])]
    first_of_each = {drafted.question: drafted for drafted in reversed(proposals)}
    by_document: dict[str, list[Draft]] = {}
    for drafted in reversed(first_of_each.values()):
        by_document.setdefault(drafted.document, []).append(drafted)
    turns = (drafted for turn in zip_longest(*by_document.values()) for drafted in turn if drafted)
    for drafted in islice(turns, limit):
        yield drafted


async def _ask(generator: Generator, chunk: Chunk) -> str | None:
    """Return the question that the model writes, or None if it writes none."""
    reply = Reply()
    await reply.read(generator, Prompt(system=_RULES, user=chunk.text))
    found = _QUESTION.search(reply.text)
    return found[1] if found else None
