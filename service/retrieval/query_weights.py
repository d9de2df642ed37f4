"""Weights of BM25 and dense search, by the kind of question.

An embedder has not seen a project's error codes, settings and file names. BM25 finds them literally.
"""

import re

from service.quoting.questions import read_question

BALANCED = 0.4
"""Weight of BM25 for ordinary questions, selected on four public data sets (ADR 17)."""
WORDS_FIRST = 0.8
"""Weight of BM25 for questions with identifiers, selected on two projects' documentation (ADR 18)."""

_QUOTED = re.compile(r"\"[^\"]{3,}\"|“[^”]{3,}”|`[^`]{2,}`")
_IDENTIFIER = re.compile(
    r"""(?<![\w/.-])(?:
      (?<!\S)--?[a-z][a-z0-9]*(?:-[a-z0-9]+)*      # an option of a command
    | \w*[a-z0-9]_[\w_]*\w                         # snake_case
    | [A-Z][A-Z0-9]*_[A-Z0-9_]+                    # A_CONSTANT
    | [a-z]{2,}[A-Z][a-z]\w*                       # camelCase
    | (?:[A-Z]+[a-z]{2,}){2,}                      # PascalCase
    | [A-Z]{1,6}-?\d{4,}(?:-\d+)*                  # E1234, CVE-2024-1234
    | 0x[0-9a-fA-F]+                               # a number in memory
    | \d+\.\d+\.\d+(?:\.\d+)?                     # a version, an address
    | https?://\S+
    | [\w-]+(?:\.[\w-]+)*\.(?:py|js|ts|json|ya?ml|toml|md|rst|txt|html|css|sh|cfg|ini|env|conf|log|sql|csv|pdf|xml)\b
    | /(?:[\w.-]+/)+[\w.-]* | (?:[A-Za-z_.][\w.-]*/){2,}[\w.-]*     # a path
    | [A-Za-z_]\w*(?:\.[A-Za-z_]\w+)+(?:\(\))?     # module.function
    | \w+\(\)                                      # a function
    )(?![\w/])""",
    re.VERBOSE,
)


def words_share_of(question: str) -> float:
    """Return the weight of BM25, which is higher for a term, a section, an identifier and a quotation."""
    asked = read_question(question)
    is_literal = _QUOTED.search(question) or _IDENTIFIER.search(question) or asked.is_bare or asked.is_section
    return WORDS_FIRST if is_literal else BALANCED
