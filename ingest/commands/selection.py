"""The arguments that `run` and `enqueue` share: which sources are ingested, and for which tenant."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.settings import Settings
from ingest.sources.base import Rejection, Source
from ingest.sources.factory import build_source
from ingest.sources.web.fetching import Fetcher
from rag.errors import InvalidInput
from rag.metadata import parse_pairs
from rag.types import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSelection:
    """The sources of one command, and what all documents from them have in common."""

    sources: Sequence[str]
    scope: Scope
    ignore: Sequence[str] = ()
    """Patterns in gitignore's syntax: matching files are not documents."""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def build_all(self, fetcher: Fetcher, settings: Settings) -> tuple[dict[str, Source], list[Rejection]]:
        """Return the sources that can be opened, by name, and a rejection for each other one.

        Raises `InvalidInput` if no source can be opened.
        """
        sources, rejected = {}, []
        for name in self.sources:
            try:
                sources[name] = self.build_one(name, fetcher, settings)
            except InvalidInput as error:
                rejected.append(Rejection(uri=name, reason=str(error)))
        if not sources:
            raise InvalidInput("\n".join(rejection.reason for rejection in rejected))
        return sources, rejected

    def build_one(self, name: str, fetcher: Fetcher, settings: Settings) -> Source:
        """Return one of the sources; raises `InvalidInput` if it cannot be opened."""
        return build_source(name, fetcher=fetcher, settings=settings, ignore=self.ignore, metadata=self.metadata)


def add_selection_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments that `to_selection` reads."""
    command.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a file, a folder, a glob, a URL (http:, s3:, …), sitemap:URL, crawl:URL, jsonl:PATH, "
        "or - for JSON lines on standard input",
    )
    command.add_argument("--tenant", default="default", help="tenant that owns the documents (default: %(default)s)")
    command.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="PATTERN",
        help="skip files that match this pattern in gitignore's syntax; may be repeated",
    )
    command.add_argument(
        "--metadata",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="metadata of every document, for filters in searches; may be repeated",
    )
    command.add_argument("--json", action="store_true", help="print the result as one JSON object")


def to_selection(arguments: argparse.Namespace) -> SourceSelection:
    return SourceSelection(
        sources=arguments.sources,
        scope=Scope(tenant=arguments.tenant),
        ignore=arguments.ignore,
        metadata=parse_pairs(arguments.metadata),
    )
