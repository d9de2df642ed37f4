"""Citations in the text of a model: the many shapes that models write become [n] (ADR 40)."""

import re
from collections.abc import Callable
from functools import partial

from service.writing import citation_shapes as shapes

# A longer bracket is not a citation. The text behind an open bracket is held back up to this length.
_MAX_MARKER = 80
# A longer code span is read as text, because its second backtick may never come.
_MAX_CODE = 400
# Length of the preceding text that decides what a bracket means: a line of spaces, or the name before an index.
_CONTEXT = 40

_FENCE = re.compile(r"(?:`{3,}|~{3,})")
_BACKTICKS = re.compile(r"`+")
_UNDECIDED = re.compile(r"[\s(,;]*\Z")
# What separates two markers of a list, such as [1], [2].
_SEPARATOR = re.compile(r"[,;]\s*\Z")
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
        """Text that is decided. Its spaces and open brackets at the end go with a marker that is removed."""
        self._before = ""
        """The end of the text that was returned."""
        self._fence = ""
        """The fence of the code block that the text is in. Empty outside of code blocks."""
        self._gap = ""
        """Spaces before a removed marker. They return if a word follows."""
        self._drops_space = False
        """True behind a marker that was removed at the start of a line."""
        self._ends_with_index = False
        self._follows_removed = False
        """True behind a removed marker and a separator behind it, which goes too if another marker follows."""

    def push(self, text: str) -> str:
        """Return the next part of the text."""
        self._held += text
        self._scan(is_last=False)
        return self._release()

    def end(self) -> str:
        """Return the rest of the text."""
        self._scan(is_last=True)
        return self._release(len(self._output.rstrip()))

    def _release(self, length: int | None = None) -> str:
        undecided = _UNDECIDED.search(self._output)
        assert undecided
        released = self._output[: undecided.start() if length is None else length]
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
        special = shapes.SPECIAL.search(self._held)
        if special is None or special.start():
            return self._take(special.start() if special else len(self._held))
        if special[0] == "\\":
            return is_last and self._take(1)
        return self._reader_of(special[0])(is_last=is_last)

    def _reader_of(self, special: str) -> Callable[..., bool]:
        match special:
            case "`" | "~":
                return self._read_code
            case "(":
                return self._read_named
            case "<":
                return self._read_tag
            case character if character in shapes.DIGITS:
                return self._read_superscript
            case _:
                return partial(self._read_marker, len(special))

    def _take(self, length: int) -> bool:
        """Append the beginning of the held text to the output as it is."""
        taken, self._held = self._held[:length], self._held[length:]
        if self._follows_removed and self._is_separator(taken):
            self._output += taken
            return True
        if self._follows_removed and _SEPARATOR.search(self._output):
            self._gap = ""
        self._follows_removed = False
        if self._drops_space:
            taken = taken.lstrip(" \t") if self._context else taken.lstrip()
            self._drops_space = not taken
        if taken[:1].isalnum():
            taken = self._gap + taken
        self._gap = "" if taken else self._gap
        self._output += taken
        self._ends_with_index = False
        return True

    def _is_separator(self, taken: str) -> bool:
        """Return True if this text is a separator, or the space behind one."""
        return taken.strip() in {",", ";"} or (taken.isspace() and _SEPARATOR.search(self._output) is not None)

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
        end = shapes.MARKER_END.search(window)
        # The next character distinguishes a single bracket from a double one, and a citation from a link.
        is_decided = end.end() < len(self._held) if end else len(window) == _MAX_MARKER
        if not (is_decided or is_last):
            return False
        if noise := shapes.NOISE.match(window):
            self._held = self._held[noise.end() :]
            return True
        marker = shapes.MARKER.match(window)
        if marker is None:
            return self._take(opening)
        if not is_last and (marker.end() == len(self._held) or shapes.MARKER_RANGE_BEGINNING.match(window)):
            return False
        between = shapes.MARKER_RANGE.match(window)
        if between and not self._is_index() and (last := int(between["last"])) > (first := int(between["first"])):
            return self._cite(between.end(), list(range(first, last + 1)))
        return self._read_list(marker)

    def _read_list(self, marker: re.Match[str]) -> bool:
        if self._is_index():
            self._take(marker.end())
            self._ends_with_index = True
            return True
        numbers = shapes.to_numbers(marker["list"])
        is_link = self._held.startswith("(", marker.end())
        # [0, 1] is an interval, and rows[0] an index. Behind a space, [0] is a passage that does not exist.
        is_other = 0 in numbers and (marker["list"].strip("0") != "" or self._context[-1:].isalnum())
        if is_link or is_other:  # A link keeps its form.
            self.cited.update(number for number in numbers if 0 < number <= self._passages and not is_other)
            return self._take(marker.end())
        return self._cite(marker.end(), numbers)

    def _read_named(self, *, is_last: bool) -> bool:
        """Read named numbers in round brackets, such as (Source 1), or the bracket alone."""
        window = self._held[:_MAX_MARKER]
        if not is_last and len(window) < _MAX_MARKER and shapes.NAMED_BEGINNING.match(window):
            return False
        named = shapes.NAMED.match(window)
        return self._cite(named.end(), shapes.to_numbers(named["list"])) if named else self._take(1)

    def _read_tag(self, *, is_last: bool) -> bool:
        """Read a tag with code, or with numbers such as <sup>1</sup>. Other tags are text."""
        tag = shapes.TAG.match(self._held)
        if tag is None:
            may_follow = len(self._held) < _MAX_MARKER and shapes.TAG_BEGINNING.match(self._held)
            return (is_last or not may_follow) and self._take(1)
        name = tag["name"].lower()
        is_code = name in {"code", "pre"}
        longest = tag.end() + (_MAX_CODE if is_code else _MAX_MARKER)
        content, closing, _ = self._held[tag.end() : longest].partition(f"</{tag['name']}>")
        if not closing:
            return (is_last or len(self._held) >= longest) and self._take(tag.end())
        end = tag.end() + len(content) + len(closing)
        numbers = None if is_code else shapes.TAGGED.fullmatch(content)
        if is_code:
            return self._take(end)
        if numbers is None or (name == "sup" and not numbers["bracket"] and not self._may_be_cited()):
            return self._take(tag.end())
        return self._cite(end, shapes.to_numbers(numbers["list"]))

    def _cite(self, length: int, numbers: list[int]) -> bool:
        """Replace the beginning of the held text by the numbers that have a passage."""
        known = [number for number in numbers if 0 < number <= self._passages]
        self._replace(length, known)
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
        separator = _SEPARATOR.search(self._output)
        is_behind_marker = separator is not None and self._context.removesuffix(separator[0]).endswith("]")
        if separator and (self._follows_removed or (is_behind_marker and not numbers)):
            self._output = self._output[: separator.start()]
        # Of a list, the separator before a removed marker goes with it, or the one behind the first marker.
        self._follows_removed = not numbers and not is_behind_marker
        if numbers:
            self._output += self._gap + "".join(f"[{number}]" for number in numbers)
            self._gap, self._drops_space = "", False
        elif self._output.endswith("(") and self._held.startswith(")"):  # The brackets had nothing else in them.
            self._output = self._output.removesuffix("(")
            self._replace(1, [])
        else:
            kept = self._output.rstrip(" \t")
            self._gap += self._output[len(kept) :]
            self._output = kept
            self._drops_space = self._is_line_start()

    def _read_superscript(self, *, is_last: bool) -> bool:
        """Read digits such as ¹. They are a citation behind a word or punctuation, and an exponent behind a unit."""
        run = shapes.SUPERSCRIPT.match(self._held)
        assert run
        if run.end() == len(self._held) and not is_last:
            return False
        follows = self._held[run.end() : run.end() + 1]
        number = shapes.from_superscript(run[0])
        is_exponent = not self._may_be_cited() or follows.isalnum() or follows in {"⁻", "⁺"}
        if is_exponent or not 1 <= number <= self._passages:
            return self._take(run.end())
        return self._cite(run.end(), [number])

    def _may_be_cited(self) -> bool:
        """Return True if small digits behind the text so far would be a citation, and not an exponent."""
        context = self._context
        word = _LAST_WORD.search(context)
        if word:
            return len(word[0]) > 3 and word[0].isalpha()
        return bool(context) and context[-1] in ".,;:!?)”\"'"
