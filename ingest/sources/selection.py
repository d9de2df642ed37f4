"""Which of the files below a folder are documents of a source."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Final

from pathspec import GitIgnoreSpec

from rag.errors import InvalidInput
from rag.formats import media_type_of

# What tools leave behind beside documents; hidden folders such as .git and .venv are never entered.
_JUNK_FOLDERS: Final = {"node_modules", "__pycache__", "site-packages", "venv"}
_ANY_DEPTH: Final = "**"


class Selection:
    """Takes known kinds of files, neither hidden nor ignored; where there is a glob, those that it matches.

    Paths are relative to the folder, with `/` between their parts.
    """

    def __init__(self, *, ignore: Sequence[str] = (), glob: str = "") -> None:
        """`ignore` in gitignore's syntax; raises `InvalidInput` for a pattern that is none."""
        self._ignored = to_rules(ignore)
        self._glob = tuple(glob.split("/")) if glob else (_ANY_DEPTH, "*")

    def enters(self, folder: str) -> bool:
        name = folder.rpartition("/")[2]
        if name.startswith(".") or name in _JUNK_FOLDERS or self._ignored.match_file(f"{folder}/"):
            return False
        return _may_lead(folder.split("/"), self._glob)

    def takes(self, file: str) -> bool:
        return media_type_of(file) is not None and self._asks_for(file)

    def passes_over(self, file: str) -> bool:
        """Whether it would be taken if it were of a known kind."""
        return media_type_of(file) is None and self._asks_for(file)

    def reaches(self, file: str) -> bool:
        """Whether it is taken, and every folder on the way to it is entered."""
        return self.takes(file) and all(self.enters(folder) for folder in _parents_of(file))

    def _asks_for(self, file: str) -> bool:
        if file.rpartition("/")[2].startswith(".") or self._ignored.match_file(file):
            return False
        return _matches(file.split("/"), self._glob)


def to_rules(patterns: Sequence[str]) -> GitIgnoreSpec:
    """Raises `InvalidInput` for what is no pattern of gitignore's."""
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise InvalidInput(f"An ignore rule is not in gitignore's syntax. {error}.") from error


def _parents_of(file: str) -> Iterator[str]:
    return accumulate(file.split("/")[:-1], lambda parent, name: f"{parent}/{name}")


def _matches(parts: Sequence[str], glob: Sequence[str]) -> bool:
    if not glob:
        return not parts
    if glob[0] == _ANY_DEPTH:
        return _matches(parts, glob[1:]) or (bool(parts) and _matches(parts[1:], glob))
    return bool(parts) and fnmatchcase(parts[0], glob[0]) and _matches(parts[1:], glob[1:])


def _may_lead(parts: Sequence[str], glob: Sequence[str]) -> bool:
    """Whether something below the folder can match."""
    if not parts or not glob or glob[0] == _ANY_DEPTH:
        return bool(glob)
    return fnmatchcase(parts[0], glob[0]) and _may_lead(parts[1:], glob[1:])
