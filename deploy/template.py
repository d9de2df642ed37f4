"""`make template NAME=acme-search`: turn a clone of Groundwork into the start of another project.

It renames what people and machines see, removes the parts that docs/template.md marks as optional, and prints the
remaining steps before production. Run it again after a merge from upstream: it changes only the merged parts.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

_GUIDE = Path("docs/template.md")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Lines of code have room for a name of this length (tests/e2e/test_template.py), and Kubernetes appends to it.
_LONGEST_NAME = 20
# The golden vectors are of texts that contain the old name, and the evaluation's baseline is of these documents.
# This script and its guide speak of Groundwork as the upstream.
_UNTOUCHED = (
    "ingest/migration/golden/",
    "evals/answers/golden/",
    "evals/gating/baselines/",
    "deploy/template.py",
    "docs/template.md",
)
# Rows of the table "Optional parts": | part | `path`, `path` | what is lost |
_ROW = re.compile(r"^\| [^|]+ \| (?P<paths>`[^|]+`) \|", re.MULTILINE)
_LINK = re.compile(r"!?\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]+)(?:#[^)]*)?\)")


@dataclass(frozen=True, slots=True)
class Names:
    """The new project's name as code, people and classes write it."""

    kebab: str
    display: str

    @property
    def pascal(self) -> str:
        return "".join(part.capitalize() for part in self.kebab.split("-"))

    def replace_in(self, text: str) -> str:
        text = re.sub(r"Groundwork(?=[A-Z])", self.pascal, text)
        return text.replace("Groundwork", self.display).replace("groundwork", self.kebab)


def main() -> int:
    arguments = _parse_arguments()
    if _changes():
        sys.stderr.write("template: commit or stash your changes first, so that `git diff` shows what this does.\n")
        return 1
    names = Names(arguments.name, arguments.title or arguments.name.replace("-", " ").title())
    removed = remove_optional_parts()
    renamed = rename(names)
    sys.stdout.write(f"{len(renamed)} files renamed to {names.display}; removed: {', '.join(removed) or 'nothing'}.\n")
    sys.stdout.write(_LEFT_TO_DO)
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make template", description=__doc__)
    parser.add_argument("name", type=_name, help="lower case with hyphens, such as acme-search")
    parser.add_argument("--title", help="as people read it (default: the name in title case, such as Acme Search)")
    return parser.parse_args()


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or len(text) > _LONGEST_NAME:
        raise argparse.ArgumentTypeError(
            f"{text!r} does not fit. Use lower-case letters, digits and hyphens, at most {_LONGEST_NAME} characters."
        )
    return text


def remove_optional_parts() -> list[str]:
    """Remove the paths that the guide lists, and the references to them; return those that were there."""
    listed = listed_parts()
    found = [path for path in listed if (ROOT / path).exists()]
    for path in found:
        target = ROOT / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    _forget_packages({path for path in listed if "/" not in path})
    for page in _tracked():
        if page.suffix == ".md":
            _unlink(page, listed)
    return found


def listed_parts() -> list[str]:
    """Return the paths of the table of optional parts."""
    rows = _ROW.finditer((ROOT / _GUIDE).read_text())
    return [path for row in rows for path in re.findall("`([^`]+)`", row["paths"])]


def _forget_packages(packages: set[str]) -> None:
    """Remove a deleted package from the lists and tables of pyproject.toml."""
    path = ROOT / "pyproject.toml"
    text = path.read_text()
    for package in packages:
        text = re.sub(rf'^ *"[^"\n]*\b{package}\b[^"\n]*"[^\n]*\n', "", text, flags=re.MULTILINE)
        text = text.replace(f'"{package}", ', "").replace(f', "{package}"', "")
    path.write_text(text)


def _unlink(page: Path, removed: list[str]) -> None:
    """Replace each link to a removed file by its text, and drop table rows and list items that only pointed there."""

    def replace(link: re.Match[str]) -> str:
        if "://" in link["target"]:
            return link[0]
        target = (ROOT / page.parent / link["target"]).resolve()
        is_removed = any(target.is_relative_to(ROOT / path) for path in removed)
        return link["text"] if is_removed else link[0]

    path = ROOT / page
    lines = path.read_text().splitlines(keepends=True)
    changed = [_LINK.sub(replace, line) for line in lines]
    kept = [
        new
        for old, new in zip(lines, changed, strict=True)
        if new == old or _LINK.search(new) or not old.startswith(("|", "-"))
    ]
    if kept != lines:
        path.write_text("".join(kept))


def rename(names: Names) -> list[Path]:
    """Replace the old name in contents and in file names; return the files that changed."""
    changed = []
    for path in _tracked():
        if str(path).startswith(_UNTOUCHED):
            continue
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # A picture, an archive.
        new = names.replace_in(text)
        if new != text:
            (ROOT / path).write_text(new, encoding="utf-8")
            changed.append(path)
        target = path.with_name(names.replace_in(path.name))
        if target != path:
            (ROOT / path).rename(ROOT / target)
    return changed


def _tracked() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return (Path(name) for name in listed.splitlines() if (ROOT / name).is_file())


def _changes() -> str:
    arguments = ["git", "status", "--porcelain", "--untracked-files=no"]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True).stdout


_LEFT_TO_DO = """
Before production:
  1. README.md, SECURITY.md, CODEOWNERS: describe your service, your contact, your team.
  2. deploy/k8s/overlays/*: your registry (registry.example.com), host names (*.example.com) and resource limits.
  3. dashboards/alertmanager.yml: who is called. The receivers of the template go to 127.0.0.1.
  4. A model of your own: RAG_GENERATOR__KIND=openai. The packaged one has 135 million parameters.
  5. An embedder for your language: the packaged one knows English only.
  6. Keys, Redis and Qdrant passwords: deploy/k8s/components/external-secrets.
  7. Your own golden questions: docs/guides/evaluation.md. The gate measures the template's documents until then.
  8. make check unit, then commit.
"""


if __name__ == "__main__":
    sys.exit(main())
