"""Ids of uploaded documents: file names in any script."""

import unicodedata

from rag.errors import InvalidInput
from rag.types import DocumentId

# The longest file name of common file systems.
MAX_CHARACTERS = 255
_SEPARATORS = frozenset("/\\")
# Control characters, halves of surrogate pairs, and separators of lines and paragraphs.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Decoders put it in the place of bytes that are not valid, so two different names would become one.
_REPLACEMENT = "\ufffd"


def to_document_id(name: str) -> DocumentId:
    """Return the name in Unicode's composed form (NFC), so that each system's spelling of it is the same id.

    Raises `InvalidInput` with a sentence if the name cannot be an id.
    """
    composed = unicodedata.normalize("NFC", name)
    if not composed or composed.isspace():
        raise InvalidInput("The document has no name. Send a file name, such as handbook.md.")
    if len(composed) > MAX_CHARACTERS:
        raise InvalidInput(f"The name is longer than {MAX_CHARACTERS} characters. Choose a shorter one.")
    if composed in {".", ".."} or _SEPARATORS & set(composed):
        raise InvalidInput(f"{composed!r} is a path and not a file name. Send the name only, without / and \\.")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in composed):
        raise InvalidInput("The name contains a control character or a line break. Rename the file.")
    if _REPLACEMENT in composed:
        raise InvalidInput("The name is not valid UTF-8. Rename the file, or percent-encode its name as UTF-8.")
    return DocumentId(composed)
