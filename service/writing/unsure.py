"""The paragraph with which an unsure answer begins. It is text, so every client shows it (ADR 75)."""

UNSURE = "This may not answer your question:\n\n"


def is_unsure(text: str) -> bool:
    """Return whether the text of an answer begins with the paragraph."""
    return text.startswith(UNSURE)


def without_paragraph(text: str) -> str:
    """Return the part of an answer that is from the documents."""
    return text.removeprefix(UNSURE)
