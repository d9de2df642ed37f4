"""Decide which files below a folder belong to a source."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import accumulate
from pathlib import PurePosixPath

from pathspec import GitIgnoreSpec

from rag.errors import InvalidInput
from rag.formats import IMAGE_MEDIA_TYPES, media_type_of

# Folders that tools generate. Hidden folders such as .git and .venv are excluded by their dot.
_GENERATED_FOLDERS = {"node_modules", "__pycache__", "site-packages", "venv"}
_ANY_DEPTH = "**"
# Suffixes are the names of kinds in summaries. What is longer is part of a name, such as `.backup-of-monday`.
_MAX_SUFFIX = 12
_MAX_CONTENT_TYPE = 50


class Selection:
    """The files of supported formats that are neither hidden nor ignored and match the glob, if there is one.

    Paths are relative to the folder, with `/` between their parts.
    """

    def __init__(self, *, ignore: Sequence[str] = (), glob: str = "", images: bool = False) -> None:
        """`ignore` holds patterns in gitignore syntax; raises `InvalidInput` if one is not valid.

        `images` includes the formats that only a parser service reads.
        """
        self._images = images
        self._ignored = to_rules(ignore)
        self._glob = tuple(glob.split("/")) if glob else (_ANY_DEPTH, "*")

    def includes_folder(self, folder: str) -> bool:
        """Return True if the folder may contain files of the selection; its parents are not checked."""
        return self.requests_folder(folder) and not self.excludes_folder(folder)

    def excludes_folder(self, folder: str) -> str:
        """Return why a folder that the glob requests is passed over; empty if it is included or not requested."""
        if not self.requests_folder(folder):
            return ""
        name = folder.rpartition("/")[2]
        if name.startswith("."):
            return "hidden"
        if name in _GENERATED_FOLDERS:
            return f"{name}/"
        return "ignored" if self._ignored.match_file(f"{folder}/") else ""

    def excludes_file(self, file: str) -> str:
        """Return why a file that the glob requests is passed over; empty if it is included or not requested."""
        if not self.requests_file(file):
            return ""
        if file.rpartition("/")[2].startswith("."):
            return "hidden"
        if self._ignored.match_file(file):
            return "ignored"
        return "" if self._is_readable(file) else kind_of(file)

    def includes_path(self, file: str) -> bool:
        """Return True if the selection includes the file and all of its parent folders."""
        is_included = self.requests_file(file) and not self.excludes_file(file)
        return is_included and all(map(self.includes_folder, _parents_of(file)))

    def excludes_path(self, file: str) -> str:
        """Return why a file, or else the first of its parent folders, is passed over; empty if it is not."""
        return next(filter(None, map(self.excludes_folder, _parents_of(file))), "") or self.excludes_file(file)

    def requests_file(self, file: str) -> bool:
        """Return True if the glob matches the file."""
        return _matches(file.split("/"), self._glob)

    def requests_folder(self, folder: str) -> bool:
        """Return True if the glob can match a file below the folder."""
        return _may_contain_match(folder.split("/"), self._glob)

    def _is_readable(self, file: str) -> bool:
        media_type = media_type_of(file)
        return media_type is not None and (self._images or media_type not in IMAGE_MEDIA_TYPES)


def kind_of(path: str, content_type: str = "") -> str:
    """Return what a summary calls files and pages of this kind, such as `.png`."""
    suffix = PurePosixPath(path).suffix.lower()[:_MAX_SUFFIX]
    return suffix or content_type.partition(";")[0][:_MAX_CONTENT_TYPE] or "without suffix"


def to_rules(patterns: Sequence[str]) -> GitIgnoreSpec:
    """Parse gitignore patterns; raises `InvalidInput` if one is not valid."""
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise InvalidInput(f"An ignore rule is not valid gitignore syntax: {error}.") from error


def _parents_of(file: str) -> Iterator[str]:
    return accumulate(file.split("/")[:-1], lambda parent, name: f"{parent}/{name}")


def _matches(parts: Sequence[str], glob: Sequence[str]) -> bool:
    if not glob:
        return not parts
    if glob[0] == _ANY_DEPTH:
        return _matches(parts, glob[1:]) or (bool(parts) and _matches(parts[1:], glob))
    return bool(parts) and fnmatchcase(parts[0], glob[0]) and _matches(parts[1:], glob[1:])


def _may_contain_match(parts: Sequence[str], glob: Sequence[str]) -> bool:
    if not parts or not glob or glob[0] == _ANY_DEPTH:
        return bool(glob)
    return fnmatchcase(parts[0], glob[0]) and _may_contain_match(parts[1:], glob[1:])
