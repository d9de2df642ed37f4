"""Find words of the old private style and overlong Markdown lines.

`python -m tests.support.prose [PATH…]` lists the findings in the given files and folders, or in the whole project.
"""

import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

ROOT = Path(__file__).parents[2]

_SUFFIXES = frozenset(
    {
        *(".py", ".js", ".mjs", ".css", ".html", ".lua", ".sh", ".md", ".txt"),
        *(".yml", ".yaml", ".toml", ".json", ".jsonl", ".conf", ".cfg", ".env", ".example"),
    }
)
_NAMES = frozenset({"Makefile", "Dockerfile", "CODEOWNERS", "run", ".gitignore", ".dockerignore", ".editorconfig"})
# Pages of other projects, and sentences from them.
# This file and its test name the words.
_EXCEPTED = (
    "evals/answers/golden/documents/prometheus/",
    "evals/gating/baselines/",
    "research/manuals/questions/",
    "tests/support/prose.py",
    "tests/consistency/text/test_prose.py",
    "deploy/check/package-lock.json",
)

# Words that hide the actor or the thing, and the verdicts "is none" and "is no". "There is no" is plain English.
_WORDS = re.compile(
    r"\b(?:who(?:so)?ever|whom(?:so)?ever|whose(?:so)?ever|nobody|somebody|anybody|everybody|anew|whence|thereof|wherein"
    r"|(?-i:is none|are none|was none|were none|be none)"  # `is None` is Python.
    r"|(?<!there )(?:is|are|was|were) no(?= )"
    r"|what is (?:staged|gone|left|kept|there|new|old|stored|published|waiting)"
    r"|what (?:came|comes|went) (?:in|since|before|after))\b",
    re.IGNORECASE,
)
_COMMENT_SIGN = re.compile(r"^\s*(?:#+|//+|\*|--|>)")
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that breaks a writing rule."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def project_files(paths: Iterable[Path] = ()) -> list[Path]:
    """Return the text files of the project, relative to its root; `paths` restricts them."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = sorted(set(listed.stdout.splitlines()))
    return [Path(name) for name in found if _is_checked(name) and (ROOT / name).is_file()]


def findings(path: Path) -> Iterator[Finding]:
    """Yield each forbidden word and, in Markdown, each line that is too long."""
    text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
    yield from word_findings(path, text)
    # The text of a prompt or rubric is sent as it is, and its hash must not change.
    is_sent = path.parts[:2] in {("service", "prompts"), ("service", "rubrics")}
    if path.suffix == ".md" and not is_sent:
        for number, line in enumerate(text.splitlines(), start=1):
            if len(line) > _LONGEST_LINE and not line.lstrip().startswith("|"):
                yield Finding(path, number, f"{len(line)} characters; at most {_LONGEST_LINE} outside tables")


def word_findings(path: Path, text: str) -> Iterator[Finding]:
    """Yield each forbidden word, also where a line break divides it."""
    lines = [_COMMENT_SIGN.sub("", line).strip() for line in text.splitlines()]
    joined = " ".join(lines)
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    for match in _WORDS.finditer(joined):
        yield Finding(path, bisect_right(starts, match.start()), match.group())


def _is_checked(name: str) -> bool:
    path = Path(name)
    return (path.suffix in _SUFFIXES or path.name in _NAMES) and not name.startswith(_EXCEPTED)


def main(arguments: list[str]) -> int:
    found = [finding for path in project_files(map(Path, arguments)) for finding in findings(path)]
    sys.stdout.writelines(f"{line}\n" for line in (*found, f"{len(found)} findings"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
