# ruff: noqa: RUF001 - marks of other scripts look alike
"""The kind of a question: what it asks for, and the term that it is about."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from rag.types import Chunk
from rag.words import to_words
from service.sentences import content_stems, stems

Asks = Literal["comparison", "code", "how", "reason", "number", "list", "definition", "yes_no", "other"]
Measure = Literal["time", "size", "count", "any"]

# The first match counts.
_KINDS: Final[Mapping[Asks, str]] = {
    "comparison": r".*\bdifferences?\b|how .*\bdiffers?\b|.*\b(?:vs\.?|versus|compared? (?:to|with))\s|compare\b"
    r"|.*\b(?:differs?|better|worse|faster|slower|cheaper|safer|larger|smaller) (?:from|than)\b",
    "code": r"(?:(?:an?|the|some|any|show me|give me|i need|what(?:'s| is| are)|which)\s+)*(?:[\w-]+\s+){0,2}"
    r"(?:examples?|snippets?|samples?|commands?|configs?|configuration|code|settings|syntax|yaml)\s+"
    r"(?:of|for|to|that|with|which|in)\b",
    "how": r"how (?:do|can|could|should|would|to|does one|must)\b|(?:what are|what's|give me) the steps\b|steps to\b"
    r"|(?:what(?:'s| is) the|is there an?|(?:the )?(?:best|right|easiest)) way (?:to|of|for)\b"
    r"|where (?:do|can|could|should|would) (?:i|we|you|one)\b"
    r"|(?:.*[.,;] ?)?what (?:do|can|must|should) (?:i|we|you|one) (?:do|run|call|type|use|set|need to|have to)\b"
    r"|(?:i|we) (?:want|need|would like|have) to\b|(?:any|some) way to\b",
    "reason": r"why\b|what(?: is|'s)? the (?:reason|point|purpose)|for what reason|how come\b",
    "number": r"(?:for |at |after |within )?how (?:many|much|long|often|old|far|big|large|fast|high|late|soon)\b|when\b"
    r"|(?:what|which)(?: is| are|'s)? (?:the )?(?:biggest|largest|smallest|longest|shortest|highest|lowest)\b"
    r"|(?:what|which)(?: is| are|'s)? (?:the )?(?:\w+ )?(?:default|limit|maximum|minimum|max|min|version|number|port"
    r"|size|price|cost|date|year|time|timeout|rate|percentage|status code)\b",
    "list": r"(?:what|which) (?!(?:is|was|does|has|happens|causes|makes)\b)(?:\w+ ){0,2}?\w{3,}s\b"
    r"|list\b|name the\b|what are the\b",
    "definition": r"what(?:'s| is| are| was| were| does| do)\b|define\b|explain\b|describe\b|meaning of\b"
    r"|tell me about\b|who (?:is|was|are)\b|.*\b(?:definition|meaning)$",
    "yes_no": r"(?:is|are|was|were|do|does|did|can|could|may|must|should|will|would|has|have|had)\b",
}
_MEASURES: Final[Mapping[Measure, str]] = {
    "count": r"how many\b",
    "size": r"\bhow (?:big|large)\b|\bhow much \b.*\b(?:space|disk|memory|ram|storage)\b|\b(?:biggest|largest|size)\b",
    "time": r"\bhow (?:long|often|old|fast|late|soon)\b|\b(?:timeout|interval|period)\b",
    "any": "",
}
_COUNTED: Final = re.compile(r"\bhow many (?:of )?((?:[\w-]+ ){0,2}?[\w-]{2,}s)\b", re.IGNORECASE)
# The two sides of a comparison: the words around such a connective.
_SIDES: Final = (
    re.compile(r"\bbetween\s+(.+?)\s+and\s+(.+?)(?=$|[,?.]|\s(?:in|for|when|of)\s)", re.IGNORECASE),
    re.compile(
        r"([^,?.]+?)\s+(?:vs\.?|versus|compared? (?:to|with)|(?:is |are )?(?:\w+er) than|differs? from|or)\s+([^,?.]+)",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:do|does|is|are|compare)\s+(.+?)\s+and\s+(.+?)\s*(?:differ|different|compare|$)", re.IGNORECASE),
)
_NOUNS: Final = (
    "error|code|setting|option|variable|parameter|command|function|class|metric|alert|field|status"
    "|mode|flag|warning|file"
)
# What remains of such a question is the term that it is about.
_FRAME: Final = re.compile(
    r"^(?:(?:please|hi|hello|hey)[,\s]+)*"
    r"(?:what(?:'s| is| are| was| were| does| do)?|which|define|explain|describe|tell me about|meaning of|definition of"
    r"|who (?:is|was|are))\s+"
    r"(?:(?:meant by|meaning of|definition of|purpose of|use of|point of)\s+)?"
    rf"(?:(?:the|a|an|{_NOUNS})\s+)*"
    rf"|\s+(?:mean|means|do|stand for|about|used for|for|is|do|here|exactly|definition|meaning"
    rf"|in (?:this context|[\w-]+ terms|[A-Z][\w-]+)|{_NOUNS})(?=\s*\W*$)",
    re.IGNORECASE,
)
_LEADING_NOUNS: Final = re.compile(rf"^(?:(?:the|an?|{_NOUNS})\s+)+(?=\S*\d|\S*_|--)", re.IGNORECASE)
_EDGES: Final = " \t\n?？؟!.,;:\"'“”‘’`()[]「」"
# Letters with digits, or words joined by underscores, dots, hyphens or slashes: texts repeat them as they are.
_CODE: Final = re.compile(
    r"(?<![\w-])(?=[\w./:-]*\d)(?=[\w./:-]*[^\W\d_])[\w-]{2,}(?:[./:-]\w+)*(?![\w-])"
    r"|(?<![\w-])--?[A-Za-z][\w-]+|\w*[^\W_]_\w+|\b[a-z]+[A-Z]\w+|\b(?:[A-Z][a-z]+){2,}\b|\b[a-z]\w+(?:\.\w+)+\b"
)
# Such a word joins two terms, as in "the salary of the manager", or begins a question.
_JOINING: Final = re.compile(
    r"\b(?:of|for|in|on|at|to|with|without|between|and|or|from|by|if|when|who|what|which|where|why|how|is|are|was|were"
    r"|do|does|did)\b",
    re.IGNORECASE,
)
_PARTS: Final = r"section|chapter|clause|paragraph|article|part|step|rule|point|appendix|annex"
_SECTION: Final = re.compile(
    rf"(?:\b(?:{_PARTS})s?\.?\s+|§+\s*)"
    r"(?P<number>\d+(?:\.\d+)*(?![\w%])|(?-i:[A-Z])(?:\.\d+)*(?=$|[?.,!]))",
    re.IGNORECASE,
)
_TELLING: Final = stems(
    "say state contain cover summary summarise summarize read show regulate deal rule text tell written mean"
)
_MAX_TERM_WORDS: Final = 4
# A document does not speak of the person who asks, and an answer need not repeat what the question asks for.
_ASKER: Final = stems(
    "i me my mine we us our you your s re ve ll way step steps list example snippet reason many much often between"
    " versus vs difference different please"
)
_COMPARING: Final = stems("difference different compare better worse should use choose")


@dataclass(frozen=True, slots=True)
class Question:
    """A question as the selection of an answer sees it."""

    text: str
    asks: Asks
    stems: frozenset[str]
    """Stems of its content words, of all words if it has no content word."""
    term: str
    """The term that it is about, in lower case. Empty if it is about more than one term."""
    is_bare: bool
    """True if it consists of a term alone."""
    codes: tuple[str, ...]
    """Codes, identifiers and settings in it, in lower case."""
    names_setting: bool = False
    """True if it contains a flag or a setting in capitals, such as `--strict` or `APP_PORT`."""
    measure: Measure = "any"
    """What a question for a number wants to know."""
    counted: frozenset[str] = frozenset()
    """Stems of the things that it wants to know the number of."""
    sides: tuple[frozenset[str], frozenset[str]] | None = None
    """Stems of the two things that it compares."""
    section: str = ""
    """The number of the section that it is about, as in "What does section 2.2 say?"."""
    is_section: bool = False
    """True if it asks for the section and for nothing else."""

    @property
    def is_literal(self) -> bool:
        """True if it is about a code. A passage that does not contain the code cannot answer it."""
        return bool(self.term) and any(code in self.term for code in self.codes)

    def is_section_of(self, text: str) -> bool:
        """Return whether the text, or one of its lines, begins with the number of the section."""
        # A list item has a number of one level, too.
        part = rf"(?:{_PARTS})\s+" if self.section.isdigit() else rf"(?:(?:{_PARTS})\s+)?"
        pattern = rf"^\W*{part}{re.escape(self.section)}(?!\w|\.\d)"
        return bool(self.section) and re.search(pattern, text, re.IGNORECASE | re.MULTILINE) is not None

    def is_headed(self, heading: str) -> bool:
        """Return whether a heading has the number of the section."""
        pattern = rf"^\W*(?:(?:{_PARTS})\s+)?{re.escape(self.section)}(?!\w|\.\d)"
        return bool(self.section) and re.search(pattern, heading, re.IGNORECASE) is not None

    def has_section_in(self, chunk: Chunk) -> bool:
        """Return whether a passage is the section or a part of it."""
        return any(map(self.is_headed, chunk.heading_path)) or self.is_section_of(chunk.text)

    def has_codes_in(self, text: str) -> bool:
        """Return whether the text contains all codes of the question."""
        return all(re.search(named(code), to_words(text), re.IGNORECASE) for code in self.codes)

    def is_named_in(self, text: str) -> bool:
        """Return whether the text contains the term as it is."""
        return bool(self.term) and re.search(named(self.term), to_words(text), re.IGNORECASE) is not None


def named(term: str) -> str:
    """Return a pattern that matches the term between blanks or punctuation, but not inside another word."""
    return rf"(?<!\w){re.escape(to_words(term).strip())}(?!\w)"


def read_question(text: str) -> Question:
    """Return what the question asks for, and what it is about."""
    plain = text.strip(_EDGES)
    asks, codes = asked_by(plain), _CODE.findall(plain)
    section = _SECTION.search(plain)
    term = _FRAME.sub("", _FRAME.sub("", plain)).strip(_EDGES)
    is_bare = bool(term) and asks == "other" and term.lower() == plain.lower()
    term = _LEADING_NOUNS.sub("", term)
    if section or len(term.split()) > _MAX_TERM_WORDS or _JOINING.search(term) or asks not in ("definition", "other"):
        term, is_bare = "", False
    return Question(
        text=text,
        asks=asks,
        stems=(content_stems(plain) - _ASKER) or stems(plain),
        term=term.lower(),
        is_bare=is_bare,
        codes=tuple(dict.fromkeys(map(str.lower, codes))),
        names_setting=any(code.startswith("-") or ("_" in code and code.isupper()) for code in codes),
        measure=next(kind for kind, pattern in _MEASURES.items() if re.search(pattern, plain, re.IGNORECASE)),
        counted=stems(counted[1]) if (counted := _COUNTED.search(plain)) else frozenset(),
        sides=_sides(plain) if asks == "comparison" else None,
        section=section["number"] if section else "",
        is_section=bool(section) and not content_stems(_SECTION.sub("", plain)) - _ASKER - _TELLING,
    )


@lru_cache(maxsize=1_024)
def asked_by(text: str) -> Asks:
    """Return what a question asks for, also a question that is a heading."""
    return next((kind for kind, pattern in _KINDS.items() if re.match(pattern, text, re.IGNORECASE)), "other")


def _sides(text: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return the stems of the two things that a question compares, without those that both have."""
    for pattern in _SIDES:
        if match := pattern.search(text):
            first, second = content_stems(match[1]) - _COMPARING, content_stems(match[2]) - _COMPARING
            if first - second and second - first:
                return first - second, second - first
    return None
