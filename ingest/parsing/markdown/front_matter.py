"""Read the metadata block at the start of a Markdown document: YAML between `---`, or TOML between `+++`."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

_BLOCK = re.compile(
    r"\A(?:---[ \t]*\n(?P<yaml>.*?)^(?:---|\.\.\.)|\+\+\+[ \t]*\n(?P<toml>.*?)^\+\+\+)[ \t]*(?:\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
# The YAML reader needs about a second for a megabyte.
_MAX_CHARACTERS = 65_536
_TEXTS = {"description", "summary", "abstract", "excerpt", "subtitle", "lead"}
_FACTS = {
    *("author", "authors", "owner", "owners", "maintainer", "maintainers", "contact", "date", "updated", "lastmod"),
    *("last_updated", "published", "created", "modified", "expires", "version", "status", "revision", "deprecated"),
}
_PLAIN_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """The metadata of a document, and where its content begins."""

    title: str = ""
    text: str = ""
    """Facts that a user may ask for, such as the description and the owner, one per line."""
    end: int = 0
    """Offset of the content."""


def read_front_matter(document: str) -> FrontMatter:
    """Return the front matter; one without an end or with other content than keys and values is part of the content."""
    block = _BLOCK.match(document)
    if block is None or block.end() > _MAX_CHARACTERS:
        return FrontMatter()
    source = block["toml"] if block["yaml"] is None else block["yaml"]
    try:
        fields = tomllib.loads(source) if block["yaml"] is None else yaml.load(source, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, tomllib.TOMLDecodeError, ValueError, RecursionError):
        title = _PLAIN_TITLE.search(source)
        # Damaged metadata stays readable as it is.
        return (
            FrontMatter(title=title[1].strip().strip("\"'"), text=source, end=block.end()) if title else FrontMatter()
        )
    if isinstance(fields, Mapping):
        named = {str(key).lower(): value for key, value in fields.items()}
        return FrontMatter(
            title=_text_of(named.pop("title", "")), text="\n".join(_lines_of(named, fields)), end=block.end()
        )
    is_comment = fields is None and (not source.strip() or source.lstrip().startswith("#"))
    return FrontMatter(end=block.end()) if is_comment and block["yaml"] is not None else FrontMatter()


def _lines_of(named: Mapping[str, Any], fields: Mapping[Any, Any]) -> Iterator[str]:
    for name, key in zip([str(key).lower() for key in fields], fields, strict=True):
        text = _text_of(fields[key])
        if name not in named or not text:
            continue
        if name in _TEXTS:
            yield text
        elif name in _FACTS or (isinstance(fields[key], str) and " " in text):
            yield f"{key}: {text}"


def _text_of(value: Any) -> str:
    """Return a value, or a list of values, as one line; "" for other structures, which configure the site."""
    if isinstance(value, list):
        texts = [_text_of(part) for part in value[:100] if not isinstance(part, list)]
        return ", ".join(filter(None, texts))
    is_scalar = isinstance(value, str | int | float | date) and not isinstance(value, bool)
    return " ".join(str(value).split()) if is_scalar else ""
