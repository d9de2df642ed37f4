"""Server-sent events from bytes in pieces of any size.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
Two forms of errors are read that the specification ignores: the field `error` of llama.cpp, and a line of JSON without
a field, which Ollama and proxies write when they fail in a stream.
"""

import re
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class EventTooLong(ValueError):
    """The stream contains an event or a line beyond the limit."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event. The fields `id` and `retry` serve reconnection, which no caller does."""

    name: str
    """Value of the field `event`. Empty for an ordinary message."""
    data: str
    """Values of all `data` fields, joined by line feeds."""


class EventDecoder:
    """An incremental decoder. Bytes that are not UTF-8 become U+FFFD, as the specification says."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        """Most bytes of an event that has not ended. Without it, a line without an end would fill the memory."""
        self._line = bytearray()
        self._size = 0
        self._name = ""
        self._data: list[str] = []
        self._is_first_line = True
        self._ended_with_cr = False

    def push(self, chunk: bytes) -> list[ServerSentEvent]:
        """Return the events that end in this chunk. Raises `EventTooLong`."""
        # A CR LF can be split between two chunks. Its CR has already ended the line.
        if self._ended_with_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._ended_with_cr = False
        if not chunk:
            return []
        self._ended_with_cr = chunk.endswith(b"\r")
        *ends, rest = _LINE_END.split(chunk)
        events: list[ServerSentEvent] = []
        for end in ends:
            self._grow(len(end))
            if self._line:  # The line began in an earlier chunk.
                self._line += end
                end = bytes(self._line)  # noqa: PLW2901 - the whole line
                self._line.clear()
            if event := self._read(end):
                events.append(event)
        self._grow(len(rest))
        self._line += rest
        return events

    def end(self) -> list[ServerSentEvent]:
        """Return the last event if no blank line ended it. Some servers omit that line, so this is not an error."""
        line, self._line = bytes(self._line), bytearray()
        events = [self._read(line), self._dispatch()] if line else [self._dispatch()]
        return [event for event in events if event]

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise EventTooLong(f"An event has more than {self._limit:,} bytes.")

    def _read(self, line: bytes) -> ServerSentEvent | None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        if line.startswith(b":"):  # A comment. It may keep a connection open for hours, so it does not add up.
            self._size -= len(line)
            return None
        field, _, value = line.partition(b":")
        if line.startswith(b"{"):
            field, value = b"data", line
        text = value.removeprefix(b" ").decode(errors="replace")
        if field == b"error":
            self._name, field = "error", b"data"
        if field == b"data":
            self._data.append(text)
        elif field == b"event":
            self._name = text
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._size = "", [], 0
        return ServerSentEvent(name, "\n".join(data)) if data else None
