"""Notes about the listing of a source: files that it passed over, and parts that it could not list."""

from dataclasses import dataclass, field
from typing import Literal

SourceWarningCode = Literal[
    "unlisted",
    "cut_depth",
    "cut_listing",
    "outside_source",
    "wrong_canonical",
    "needs_script",
    "prune_skipped",
]

# A folder may hold millions of pictures. Operators read the first names, and programs the count.
_MAX_NAMES = 1_000


@dataclass(slots=True)
class CountedNames:
    """A number of files or addresses, and the names of the first of them."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.extend(CountedNames(1, [name]))

    def extend(self, more: "CountedNames") -> None:
        self.count += more.count
        self.names += more.names[: max(0, _MAX_NAMES - len(self.names))]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWarning:
    """A part of a source that is missing although no document was rejected."""

    code: SourceWarningCode
    message: str
    """One sentence for the operator, with the setting that changes it."""
    affected: CountedNames


class SourceNotes:
    """The notes of one listing, which the source writes while it is listed."""

    def __init__(self) -> None:
        self.passed_over: dict[str, CountedNames] = {}
        """Files and pages that the rules of the source exclude, by kind: `.png`, `hidden`, `robots.txt`."""
        self._warnings: dict[tuple[SourceWarningCode, str], CountedNames] = {}

    def pass_over(self, kind: str, uri: str) -> None:
        """Record a file or page that is not a document of the source."""
        self.passed_over.setdefault(kind, CountedNames()).add(uri)

    def warn(self, code: SourceWarningCode, message: str, uri: str) -> None:
        """Record what is missing; equal messages become one warning with several names."""
        self._warnings.setdefault((code, message), CountedNames()).add(uri)

    @property
    def warnings(self) -> list[SourceWarning]:
        return [
            SourceWarning(code=code, message=message, affected=affected)
            for (code, message), affected in self._warnings.items()
        ]
