"""Citations in the text of a model: the many shapes that models write become [n] (ADR 40)."""

import re

# A longer bracket is not a citation. The text behind an open bracket is held back up to this length.
_MAX_MARKER = 80
# A longer code span is read as text, because its second backtick may never come.
_MAX_CODE = 400
# The text so far that decides what a bracket means: a line of spaces, or the name before an index.
_CONTEXT = 40

_OPEN, _CLOSE = r"\[【［〔", r"\]】］〕"
_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_FROM_SUPERSCRIPT = str.maketrans(_DIGITS, "0123456789")
_NOUN = (
    r"(?:sources?|passages?|docs?|documents?|references?|refs?|citations?|chunks?|contexts?|snippets?|excerpts?"
    r"|quellen?|来源|资料|文献|出典)\s*[:#._-]?\s*"
)
# What follows a number: a place in the passage, or its title.
_DETAIL = rf"(?:\s*†|:\s|,?\s*(?:pp?\.|pages?\b|lines?\b|§))[^{_CLOSE}\n,;]*"
_ITEM = rf"(?:{_NOUN})?[\^#]?(\d{{1,3}})(?:\s*[-–—‑]\s*(\d{{1,3}}))?(?:{_DETAIL})?"
_SEPARATOR = r"(?:\s*[,;，；、&|]\s*(?:(?:and|und)\s+)?|\s+(?:and|und)\s+)"
_MARKER = re.compile(
    rf"(?:(?P<escaped>\\\[)|(?P<double>\[\[)|[{_OPEN}])\s*(?P<list>{_ITEM}(?:{_SEPARATOR}{_ITEM})*)\s*"
    rf"(?(escaped)\\\]|(?(double)\]\]|[{_CLOSE}]))",
    re.IGNORECASE,
)
_LISTED = re.compile(_ITEM, re.IGNORECASE)
_MARKER_END = re.compile(rf"[{_CLOSE}\n]")
_SUPERSCRIPT = re.compile(f"[{_DIGITS}]{{1,3}}")
# Where a marker or code may begin.
_SPECIAL = re.compile(rf"[`~{_OPEN}{_DIGITS}]|\\(?:\[|\Z)")
_FENCE = re.compile(r"(?:`{3,}|~{3,})")
_BACKTICKS = re.compile(r"`+")
_LAST_WORD = re.compile(r"\w+\Z")
# Names before an index that are not words, so that a bracket behind them is code. Others may end a cited sentence.
_INDEXED = frozenset({"argv", "args", "kwargs", "arr", "idx", "vec", "buf", "ptr", "tmp"})


class CitationNormaliser:
    """Turns the citations of a text that arrives in pieces into [n], and removes numbers without a passage.

    Text that may become a citation or code is held back until that is decided. The pieces together are the text.
    """

    def __init__(self, passages: int) -> None:
        self._passages = passages
        self.cited: set[int] = set()
        self.removed = 0
        """How many numbers had no passage."""
        self._held = ""
        self._output = ""
        """Text that is decided. Its spaces at the end stay here, because they go with a marker that is removed."""
        self._before = ""
        """The end of the text that was returned."""
        self._fence = ""
        """The fence of the code block that the text is in. Empty outside of code blocks."""
        self._gap = ""
        """Spaces before a removed marker. They return if a word follows."""
        self._drops_space = False
        """True behind a marker that was removed at the start of a line."""
        self._ends_with_index = False

    def push(self, text: str) -> str:
        """Return the next part of the text."""
        self._held += text
        self._scan(is_last=False)
        return self._release()

    def end(self) -> str:
        """Return the rest of the text."""
        self._scan(is_last=True)
        return self._release()

    def _release(self) -> str:
        released = self._output.rstrip()
        self._output = self._output[len(released) :]
        self._before = (self._before + released)[-_CONTEXT:]
        return released

    def _scan(self, *, is_last: bool) -> None:
        while self._held and self._step(is_last=is_last):
            pass

    def _step(self, *, is_last: bool) -> bool:
        """Decide the next part of the held text. Return False if that needs more text."""
        if self._fence:
            return self._read_block(is_last=is_last)
        special = _SPECIAL.search(self._held)
        if special is None or special.start():
            return self._take(special.start() if special else len(self._held))
        match special[0]:
            case "`" | "~":
                return self._read_code(is_last=is_last)
            case "\\":
                return is_last and self._take(1)
            case character if character in _DIGITS:
                return self._read_superscript(is_last=is_last)
            case _:
                return self._read_marker(len(special[0]), is_last=is_last)

    def _take(self, length: int) -> bool:
        """Append the beginning of the held text to the output as it is."""
        taken, self._held = self._held[:length], self._held[length:]
        if self._drops_space:
            taken = taken.lstrip(" \t") if self._context else taken.lstrip()
            self._drops_space = not taken
        if taken[:1].isalnum():
            taken = self._gap + taken
        self._gap = "" if taken else self._gap
        self._output += taken
        self._ends_with_index = False
        return True

    @property
    def _context(self) -> str:
        return (self._before + self._output)[-_CONTEXT:]

    def _read_block(self, *, is_last: bool) -> bool:
        """Read a line of a code block, or the part of it that cannot be the closing fence."""
        line, line_feed, _ = self._held.partition("\n")
        marks = line.strip()
        may_close = self._is_line_start() and not marks.strip(self._fence[0])
        if may_close and not line_feed and not is_last:
            return False
        if may_close and len(marks) >= len(self._fence):
            self._fence = ""
        return self._take(len(line) + len(line_feed))

    def _is_line_start(self) -> bool:
        return not self._context.rpartition("\n")[2].strip()

    def _read_code(self, *, is_last: bool) -> bool:
        """Read the fence of a code block or a code span. Backticks without a partner are text."""
        fence = _FENCE.match(self._held) if self._is_line_start() else None
        if fence is None and self._held.startswith("~"):
            if self._is_line_start() and not is_last and not self._held.strip("~"):
                return False
            return self._take(1)
        run = fence or _BACKTICKS.match(self._held)
        assert run
        if run.end() == len(self._held) and not is_last:
            return False
        line, line_feed, _ = self._held[run.end() : run.end() + _MAX_CODE].partition("\n")
        is_decided = bool(line_feed) or is_last or len(self._held) >= run.end() + _MAX_CODE
        if fence and not ("`" in line and fence[0][0] == "`"):
            if is_decided:
                self._fence = fence[0]
                self._take(run.end() + len(line) + len(line_feed))
            return is_decided
        closing = re.search(rf"(?<!`){run[0]}(?!`)", line) if "`" in run[0] else None
        if closing is None:
            return is_decided and self._take(run.end())
        end = run.end() + closing.end()
        return (end < len(self._held) or is_last) and self._take(end)

    def _read_marker(self, opening: int, *, is_last: bool) -> bool:
        window = self._held[:_MAX_MARKER]
        end = _MARKER_END.search(window)
        # The next character tells a single bracket from a double one, and a citation from a link.
        is_decided = end.end() < len(self._held) if end else len(window) == _MAX_MARKER
        if not (is_decided or is_last):
            return False
        marker = _MARKER.match(window)
        if marker is None:
            return self._take(opening)
        return (marker.end() < len(self._held) or is_last) and self._cite(marker)

    def _cite(self, marker: re.Match[str]) -> bool:
        if self._is_index():
            self._take(marker.end())
            self._ends_with_index = True
            return True
        numbers = _to_numbers(marker["list"])
        known = [number for number in numbers if number <= self._passages]
        if self._held.startswith("(", marker.end()) or 0 in numbers:  # A link keeps its form. [0, 1] is an interval.
            self.cited.update(known if 0 not in numbers else ())
            return self._take(marker.end())
        self._replace(marker.end(), known)
        self.removed += len(numbers) - len(known)
        return True

    def _is_index(self) -> bool:
        """Return True if the bracket is an index of code, such as argv[1] or x[2]."""
        if self._ends_with_index:
            return True
        context = self._context
        word = _LAST_WORD.search(context)
        if word is None or context[: word.start()].endswith(("'", "’")):  # As in: it's[1]
            return False
        name = word[0]
        return "_" in name or name in _INDEXED or (len(name) == 1 and "a" <= name <= "z")

    def _replace(self, length: int, numbers: list[int]) -> None:
        """Replace the beginning of the held text by markers, or remove it with the space before it."""
        self._held = self._held[length:]
        self.cited.update(numbers)
        if numbers:
            self._output += self._gap + "".join(f"[{number}]" for number in numbers)
            self._gap = ""
        else:
            kept = self._output.rstrip(" \t")
            self._gap += self._output[len(kept) :]
            self._output = kept
            self._drops_space = self._is_line_start()

    def _read_superscript(self, *, is_last: bool) -> bool:
        """Read digits such as ¹. They are a citation behind a word or punctuation, and an exponent behind a unit."""
        run = _SUPERSCRIPT.match(self._held)
        assert run
        if run.end() == len(self._held) and not is_last:
            return False
        context = self._context
        word = _LAST_WORD.search(context)
        follows = self._held[run.end() : run.end() + 1]
        is_citation = (len(word[0]) > 3 and word[0].isalpha()) if word else context[-1:] in {*".,;:!?)”\"'"}
        number = int(run[0].translate(_FROM_SUPERSCRIPT))
        if not is_citation or not context or follows.isalnum() or follows in {"⁻", "⁺"}:
            return self._take(run.end())
        if not 1 <= number <= self._passages:
            return self._take(run.end())
        self._replace(run.end(), [number])
        return True


def _to_numbers(listed: str) -> list[int]:
    """Return the numbers of a marker in their order, each once. A range has all its numbers."""
    numbers: dict[int, None] = {}
    for item in _LISTED.finditer(listed):
        first = int(item[1])
        numbers.update(dict.fromkeys(range(first, int(item[2] or first) + 1)))
    return list(numbers) or [0]
