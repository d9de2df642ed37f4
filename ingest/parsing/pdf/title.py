"""Choose the title of a PDF."""

import re
from collections.abc import Iterator
from statistics import median_low

import pypdfium2 as pdfium
from pypdfium2 import raw

from ingest.parsing.text import one_line

# Titles that programs set by themselves, and file names.
_NO_TITLE = re.compile(
    r"\W*(?:untitled|title|unnamed|no title|unbekannt|ohne titel|sans titre|senza titolo|sin t[ií]tulo|anonymous"
    r"|new document|(?:table of )?contents|inhalt(?:sverzeichnis)?|sommaire|index"
    r"|powerpoint[ -]pr[eä]sentation|pr[eä]sentation|document|dokument|slide|folie|page|scan|image|layout)"
    r"\W*(?:\d[\d_ .-]*)?\W*"
    r"|microsoft (?:word|powerpoint|excel|office word|publisher|visio) - .*"
    r"|[\\]\d{3}.*|[\d\W_]*"
    r"|(?:[a-z]:\\|/|file:|https?:).*"
    r"|\S*(?:tmp|temp)\d\S*|[0-9a-f-]{16,}"
    r"|.*\.(?:docx?|dotx?|odt|rtf|txt|tex|dvi|e?ps|pdf|pptx?|xlsx?|html?|indd|qxd|qxp|pmd|p65|fm|cdr|ai|psd|tiff?|jpe?g"
    r"|png|tmp|wpd|pub|vsdx?|ftl|xml|md)(?:\s*[(\[].*)?",
    re.IGNORECASE | re.DOTALL,
)
_MAX_TITLE = 150
_LINES = 60
# A heading that is hardly larger than the text is not the title.
_LARGER = 1.2


def title_of(document: pdfium.PdfDocument, first_textpage: pdfium.PdfTextPage | None) -> str:
    """Return the title in the metadata, else the largest line of the first page, else ""."""
    stated = one_line(document.get_metadata_value("Title"))
    if stated and not is_placeholder(stated):
        return stated
    return _largest_line(first_textpage) if first_textpage else ""


def is_placeholder(title: str) -> bool:
    """Return whether a program and not a person chose the title."""
    return _NO_TITLE.fullmatch(title) is not None


def _largest_line(textpage: pdfium.PdfTextPage) -> str:
    lines = list(_sized_lines(textpage))
    if not lines:
        return ""
    sizes = [size for size, _ in lines]
    largest = max(sizes)
    if largest < _LARGER * median_low(sizes):
        return ""
    first = sizes.index(largest)
    following = next((n for n in range(first, len(sizes)) if sizes[n] != largest), len(sizes))
    title = one_line(" ".join(text for _, text in lines[first:following]))
    has_words = sum(character.isalpha() for character in title) * 2 > len(title) > 2
    return title if has_words and len(title) <= _MAX_TITLE and not is_placeholder(title) else ""


def _sized_lines(textpage: pdfium.PdfTextPage) -> Iterator[tuple[float, str]]:
    """Return the first lines of the page, each with the font size of its first letter."""
    text = textpage.get_text_range()
    matrix = raw.FS_MATRIX()
    for match in list(re.finditer(r"\S[^\r\n]*", text))[:_LINES]:
        index = raw.FPDFText_GetCharIndexFromTextIndex(textpage, match.start())
        if index >= 0 and raw.FPDFText_GetMatrix(textpage, index, matrix):
            scale = (matrix.c**2 + matrix.d**2) ** 0.5
            yield round(raw.FPDFText_GetFontSize(textpage, index) * scale, 1), match[0]
