"""Data that all parts of a Word document share: its package, styles, numbers, notes, comments and warnings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ingest.parsing.docx.numbering import Numbering
from ingest.parsing.docx.styles import Styles
from ingest.parsing.numerals import numeral
from ingest.parsing.ooxml.package import Package, child_of, value_of

_SEPARATORS = {"separator", "continuationSeparator", "continuationNotice"}


@dataclass(frozen=True, slots=True)
class Aside:
    """A footnote, an endnote or a comment: its element, and the part that contains it."""

    element: Element
    part: str


@dataclass(slots=True, kw_only=True)
class WordDocument:
    """A document while it is read: its counters advance with its text."""

    package: Package
    part: str
    """The path of the main part."""
    styles: Styles
    numbering: Numbering
    settings: Element | None
    notes: dict[tuple[str, str], Aside]
    """The footnotes and endnotes that were not read yet, by kind and id."""
    comments: dict[str, Aside]
    """The comments that were not read yet, by id."""
    warn_at: Callable[[str, str], None]
    """Takes one sentence about an object that is not read, and its place."""
    heading: str = ""
    """The last heading that was read."""
    _counts: dict[str, int] = field(default_factory=dict)

    def next_note_number(self, kind: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        default = "lowerRoman" if kind == "endnote" else "decimal"
        properties = child_of(self.settings, f"{kind}Pr")
        return numeral(self._counts[kind], value_of(properties, "numFmt", default))

    def warn(self, message: str) -> None:
        self.warn_at(message, f'below "{self.heading}"' if self.heading else "")


def open_document(package: Package, warn_at: Callable[[str, str], None]) -> WordDocument:
    main = next(iter(package.related("", "officeDocument")), "word/document.xml")
    styles = Styles(_tree(package, main, "styles"))
    return WordDocument(
        package=package,
        part=main,
        styles=styles,
        numbering=Numbering(_tree(package, main, "numbering"), styles),
        settings=_tree(package, main, "settings"),
        notes={
            (kind, id): aside for kind in ("footnote", "endnote") for id, aside in _asides(package, main, kind).items()
        },
        comments=_asides(package, main, "comment"),
        warn_at=warn_at,
    )


def _tree(package: Package, main: str, kind: str) -> Element | None:
    return next((package.tree(part) for part in package.related(main, kind)), None)


def _asides(package: Package, main: str, kind: str) -> dict[str, Aside]:
    return {
        element.get("id", ""): Aside(element, part)
        for part in package.related(main, f"{kind}s")
        if (root := package.tree(part)) is not None
        for element in root.findall(kind)
        if element.get("type") not in _SEPARATORS
    }
