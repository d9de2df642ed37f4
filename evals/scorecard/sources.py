"""The sources that an answer names, and the documents of the corpus that they are.

There is no standard for sources, so the fields of several products are read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from evals.datasets import CorpusDocument
from evals.scorecard.asking import Reply

# What the answer rests on: OpenAI's annotations, and the lists of Azure, Perplexity and Groundwork.
_CITED = ("citations", "annotations")
# What was found. It counts if the service does not say what it cites.
_FOUND = ("sources", "references", "search_results", "source_documents", "documents")
# Fields with a list of sources stand in the body, in an extension, or in the message of a choice.
_PLACES = ("rag", "context", "message", "delta")
# Longer strings are the text of a passage, not a name.
_MAX_NAME = 300
_HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)


class SourceMatcher:
    """Recognises documents of the corpus by their id, path or title."""

    def __init__(self, documents: Sequence[CorpusDocument]) -> None:
        self._ids = sorted((document.id for document in documents), key=len, reverse=True)
        titles: dict[str, list[str]] = {}
        for document in documents:
            if match := _HEADING.search(document.text):
                titles.setdefault(_plain(match[1]), []).append(document.id)
        # A title that several documents share names none of them.
        self._titles = {title: ids[0] for title, ids in titles.items() if len(ids) == 1}

    def sources_of(self, reply: Reply) -> tuple[int, list[str]]:
        """Return the number of sources of an answer, and the documents among them that are recognised.

        A service without a list of sources may name them in its text: each id of a document there counts as a source.
        """
        listed = list(_listed(reply.bodies))
        if not listed:
            named = [document for document in self._ids if document in reply.text]
            return len(named), named
        documents = [document for item in listed if (document := self._recognise(item))]
        return len(listed), list(dict.fromkeys(documents))

    def _recognise(self, item: Any) -> str | None:
        names = [unquote(name).partition("#")[0].partition("?")[0] for name in _strings(item) if len(name) < _MAX_NAME]
        for name in names:
            for document in self._ids:
                if f"/{name}".endswith((f"/{document}", f"/{upload_name(document)}")):
                    return document
        return next((self._titles[_plain(name)] for name in names if _plain(name) in self._titles), None)


def upload_name(document: str) -> str:
    """Return the name under which a document is uploaded: a path would be more than one part of a URL."""
    return document.replace("/", "--")


def _listed(bodies: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """Yield the items of the lists of citations, or of the lists of found passages if no list of citations exists."""
    lists = [pair for body in bodies for pair in _lists(body)]
    cited = [items for name, items in lists if name in _CITED]
    seen: set[str] = set()
    for items in cited or [items for _, items in lists]:
        for item in items:
            # A stream may repeat its list, and a message may have it in two forms.
            if (key := repr(sorted(_strings(item)))) not in seen:
                seen.add(key)
                yield item


def _lists(body: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for name in (*_CITED, *_FOUND):
        if isinstance(body.get(name), list):
            yield name, body[name]
    parts = [body.get(place) for place in _PLACES]
    parts += body["choices"] if isinstance(body.get("choices"), list) else []
    for part in parts:
        if isinstance(part, dict):
            yield from _lists(part)


def _strings(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    elif isinstance(item, dict):
        for value in item.values():
            yield from _strings(value)
    elif isinstance(item, list):
        for value in item:
            yield from _strings(value)


def _plain(title: str) -> str:
    return " ".join(re.sub(r"[*_`#]", "", title).lower().split())
