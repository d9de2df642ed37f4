"""The documents of the eight manuals: pages of Debian packages as Markdown, and Markdown of two repositories.

pandoc converts the pages, not this project's parser: what the parser lost would be missing in the gold answers too.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evals.answers.gold import OWN_DOCUMENTS
from rag.errors import InvalidInput

QUESTIONS: Final = Path(__file__).parent / "questions"
_SECONDS: Final = 60
_DOC: Final = Path("/usr/share/doc")
_MAIN: Final = re.compile(
    r'<(?:main|div class="(?:document|body|chapter|sect1|refentry)"|div role="main"|div id="content")[^>]*>.*',
    re.DOTALL,
)
_FURNITURE: Final = re.compile(r"<(script|style|nav|header|footer)\b.*?</\1>", re.DOTALL)
_PERMALINK: Final = re.compile(r"\[¶\]\([^)]*\)")
_LOCAL_LINK: Final = re.compile(r"\[([^\]]*)\]\((?!http)[^)]*\)")
_GIT: Final = (
    "gittutorial giteveryday gitfaq gitworkflows gitglossary gitignore git-add git-commit git-rebase git-merge git-push"
    " git-pull git-fetch git-clone git-stash git-reset git-restore git-switch git-checkout git-branch git-tag"
    " git-bisect git-blame git-cherry-pick git-revert git-clean git-worktree git-submodule git-remote git-reflog git-gc"
    " gitcredentials githooks gitrevisions gitattributes git-rm git-mv git-notes git-bundle git-sparse-checkout"
)
_SQLITE: Final = (
    "faq about whentouse quickstart cli lang_transaction lang_vacuum lang_datefunc lang_corefunc lang_conflict"
    " datatype3 foreignkeys autoinc rowidtable withoutrowid wal isolation lockingv3 pragma limits rescode json1 rtree"
    " backup howtocorrupt inmemorydb tempfiles nulls np1queryprob optoverview queryplanner expridx generatedcol"
    " stricttables undoredo uri faster sharedcache threadsafe unlock_notify mmap loadext security"
)
_POSTGRES: Final = (
    r"auth|client-auth|backup|continuous|high-av|warm|hot|log(?!icaldecoding)|routine|maint|monitor|runtime-config"
    r"|database-roles|upgrading|app-pg|populate|using-explain|explicit"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manual:
    """The pages of an installed package that belong to a set."""

    package: str
    root: Path
    pages: str
    """A pattern that the path of a page matches, from the root and without its suffix."""
    without: str = "$^"
    """A pattern that no such path contains."""


MANUALS: Final[Mapping[str, Manual]] = {
    "borg": Manual(
        package="borgbackup-doc",
        root=_DOC / "borgbackup/html",
        pages=".*",
        without="genindex|search|changes|py-modindex|authors|book|internals",
    ),
    "debian": Manual(package="debian-handbook", root=_DOC / "debian-handbook/html/en-US", pages="[^/]*"),
    "git": Manual(package="git-doc", root=_DOC / "git-doc", pages="|".join(_GIT.split())),
    "mkdocs": Manual(
        package="mkdocs-doc",
        root=_DOC / "mkdocs/html",
        pages=".*",
        without="404|search|genindex|license|release-notes",
    ),
    "postgres": Manual(
        package="postgresql-doc-15", root=_DOC / "postgresql-doc-15/html", pages=rf"(?:{_POSTGRES})[^/]*"
    ),
    "sqlite": Manual(package="sqlite3-doc", root=_DOC / "sqlite3", pages="|".join(_SQLITE.split())),
}
REPOSITORIES: Final = ("fastapi", "prometheus")
"""Manuals that are Markdown already: the folder `docs` of their repositories."""
_LEFT_OUT: Final = re.compile("release-notes|external-links|people")


def build(folder: Path, docs: Path | None) -> list[str]:
    """Write each manual that is there into a set of documents and questions. Return the names of the sets.

    `docs` has the folders `fastapi/docs` and `prometheus/docs`. Raise `InvalidInput` if no manual is there, or if
    pandoc is not.
    """
    names = [name for name, manual in MANUALS.items() if manual.root.is_dir()]
    names += [name for name in REPOSITORIES if docs and (docs / name / "docs").is_dir()]
    if not names:
        packages = " ".join(manual.package for manual in MANUALS.values())
        raise InvalidInput(f"No manual is installed. Install pandoc and some of these packages: {packages}.")
    if set(names) & set(MANUALS) and not shutil.which("pandoc"):
        raise InvalidInput("pandoc is not installed. It turns the pages of the manuals into Markdown.")
    for name in names:
        target = folder / name
        (target / "documents").mkdir(parents=True, exist_ok=True)
        shutil.copy(QUESTIONS / f"{name}.jsonl", target / "questions.jsonl")
        if name in MANUALS:
            _convert(MANUALS[name], target / "documents")
        elif docs:
            _copy(docs / name / "docs", target / "documents")
    return names


def to_markdown(page: str) -> str:
    """Return the main part of an HTML page as Markdown, without links inside the manual."""
    main = _MAIN.search(page)
    program = ["pandoc", "-f", "html-native_divs-native_spans", "-t", "gfm-raw_html", "--wrap=none"]
    body = _FURNITURE.sub("", main[0] if main else page)
    done = subprocess.run(program, input=body, capture_output=True, text=True, timeout=_SECONDS, check=True)
    return _LOCAL_LINK.sub(r"\1", _PERMALINK.sub("", done.stdout))


def _convert(manual: Manual, target: Path) -> None:
    for page in sorted(manual.root.rglob("*.html")):
        name = page.relative_to(manual.root).with_suffix("").as_posix()
        file = target / f"{name}.md"
        if file.exists() or not re.fullmatch(manual.pages, name) or re.search(manual.without, name):
            continue
        try:
            text = to_markdown(page.read_text(encoding="utf-8", errors="replace"))
        except subprocess.CalledProcessError as error:
            print(f"{page} is left out, because pandoc cannot read it: {error.stderr.strip()}", file=sys.stderr)
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    """Copy the pages, but those that the set `manuals` of the evaluations has."""
    known = {page.read_bytes() for page in OWN_DOCUMENTS.rglob("*.md")}
    for page in sorted(source.rglob("*.md")):
        if _LEFT_OUT.search(page.name) or page.read_bytes() in known:
            continue
        file = target / page.relative_to(source)
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, file)
