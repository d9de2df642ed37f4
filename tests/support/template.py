"""The edits that docs/template.md shows, applied to a copy of the project.

`python -m tests.support.template` turns a copy into Acme Search with `make template`, and runs `make check unit` there.
"""

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "template.md"

_SECTION = re.compile(r"^## (Add .+)$", re.MULTILINE)
_EDIT = re.compile(
    r"^(?:Create `(?P<created>[^`]+)`"
    r"|Edit `(?P<edited>[^`]+)`, (?P<how>below|above|replacing) the line `(?P<anchor>[^\n]+)`):\n"
    r"\n```\w*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# Installed tools are linked into the copy, because installing them again would take minutes.
_ENVIRONMENTS = (".venv", ".venv-deploy", ".venv-locust")


@dataclass(frozen=True, slots=True)
class Edit:
    """One step of an extension: a new file, or lines beside a line of an existing one."""

    path: str
    text: str
    how: str
    """create, below, above or replacing."""
    anchor: str = ""

    def apply(self, root: Path) -> None:
        path = root / self.path
        if self.how == "create":
            assert not path.exists(), f"{self.path} exists already"
            path.write_text(self.text)
            return
        lines = path.read_text().splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if line.rstrip("\n") == self.anchor]
        assert len(places) == 1, f"{self.path} has {len(places)} lines {self.anchor!r}; docs/template.md needs one"
        start = places[0] + (self.how == "below")
        end = start + (self.how == "replacing")
        lines[start:end] = [self.text]
        path.write_text("".join(lines))
        if path.suffix == ".py":
            ast.parse(path.read_text())


def extensions() -> dict[str, list[Edit]]:
    """Return the edits of each section "Add a …" of the guide."""
    guide = GUIDE.read_text()
    found: dict[str, list[Edit]] = {}
    for edit in _EDIT.finditer(guide):
        *_, title = _SECTION.findall(guide, 0, edit.start())
        path = edit["created"] or edit["edited"]
        step = Edit(path=path, text=edit["text"], how=edit["how"] or "create", anchor=edit["anchor"] or "")
        found.setdefault(title, []).append(step)
    return found


def copy_project(target: Path) -> None:
    """Copy the project with its uncommitted changes into a new git repository, and link the installed tools."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    for name in _ENVIRONMENTS:
        if (ROOT / name).exists():
            (target / name).symlink_to((ROOT / name).resolve())
    commit(target, "Copy")


def commit(repository: Path, subject: str) -> None:
    """Commit everything; the identity is given here, because a fresh machine has none."""
    if not (repository / ".git").exists():
        _git(repository, "init", "--quiet")
        # The links are not ignored by patterns that end in a slash.
        exclude = repository / ".git" / "info" / "exclude"
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text("\n".join(_ENVIRONMENTS))
    _git(repository, "add", "--all")
    _git(repository, "-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "--quiet", "-m", subject)


def _git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repository, check=True)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "acme-search"
        copy.mkdir()
        copy_project(copy)
        subprocess.run(["make", "template", "NAME=acme-search"], cwd=copy, check=True)
        commit(copy, "Start Acme Search from the template")
        return subprocess.run(["make", "check", "unit"], cwd=copy, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
