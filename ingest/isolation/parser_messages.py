"""Reads what parser libraries say about a document through Python's logging and warnings."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rag.parsing_warnings import WARNINGS, ParsingWarning

_MAX_CHARACTERS = 200
# They are about the code of a library, never about a document.
_ABOUT_CODE = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning, ResourceWarning)


class ParserMessages(logging.Handler):
    """The first message about one document, and the number of all."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._first = ""
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._add(record.name, record.getMessage())

    def add_warning(self, message: Warning | str, category: type[Warning]) -> None:
        if not issubclass(category, _ABOUT_CODE):
            self._add(category.__name__, str(message))

    def to_warnings(self) -> tuple[ParsingWarning, ...]:
        """Return one warning about all messages, or none without a message."""
        if not self._count:
            return ()
        message = f"{WARNINGS['parser_message'].meaning} {self._first}"
        return (ParsingWarning(code="parser_message", message=message, count=self._count),)

    def _add(self, origin: str, message: str) -> None:
        self._first = self._first or f"{origin}: {' '.join(message.split())}"[:_MAX_CHARACTERS]
        self._count += 1


@contextmanager
def collected_messages() -> Iterator[ParserMessages]:
    """Yield the messages that are logged or warned about within the block."""
    messages = ParserMessages()
    root = logging.getLogger()
    root.addHandler(messages)
    try:
        with warnings.catch_warnings():
            # Each document hears of it, not only the first one.
            warnings.simplefilter("always")
            warnings.showwarning = lambda message, category, *_, **__: messages.add_warning(message, category)
            yield messages
    finally:
        root.removeHandler(messages)
