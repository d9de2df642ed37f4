"""The documentation names only what exists: links, settings, commands and make targets."""

import argparse
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

import evals.program
import ingest.commands.parser
import loadtests.program
import service.program
from rag import __version__
from tests.support.prose import ROOT, project_files
from tests.support.reference.cli import commands_of
from tests.support.reference.settings import known_variables
from tests.support.shipped.markdown import anchors_of, links_of

# The links of a frozen copy lead to pages and code that are not copied.
FROZEN = Path("evals/answers/golden/documents")
PAGES = [path for path in project_files() if path.suffix == ".md" and not path.is_relative_to(FROZEN)]
GUIDES = [path for path in PAGES if path.parts[0] != "evals"]
PARSERS = {
    "service": service.program.build_parser,
    "ingest": ingest.commands.parser.build_parser,
    "evals": evals.program.build_parser,
    "loadtests": loadtests.program.build_parser,
}
# A path of the project in backticks; a word in capitals stands for a name that the reader chooses.
_PATH = re.compile(r"`((?:rag|service|ingest|evals|loadtests|research|dashboards|deploy|docs|tests)/[a-z\d_./*-]*)`")


@cache
def text_of(path: Path) -> str:
    return (ROOT / path).read_text()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_relative_link_and_anchor_resolves(page):
    for link in links_of(text_of(page)):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = ((ROOT / page.parent / target) if target else ROOT / page).resolve()
        assert path.exists(), link
        if anchor and path.suffix == ".md":
            assert anchor in anchors_of(path.read_text()), link


@pytest.mark.parametrize("page", GUIDES, ids=str)
def test_every_path_that_a_page_names_exists(page):
    if page == Path("docs/template.md"):
        return  # It names files to create and to remove; deploy/test_template.py checks these.
    for path in _PATH.findall(text_of(page)):
        assert any(ROOT.glob(path)), path


def test_every_page_of_docs_can_be_reached_from_the_index():
    reached, waiting = set(), [ROOT / "README.md", ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links_of(page.read_text())]
        waiting += [target for target in targets if target.suffix == ".md" and target.is_file()]
    docs = {ROOT / page for page in PAGES if page.parts[0] == "docs"}
    assert docs <= reached, docs - reached


def test_every_variable_that_the_documentation_names_is_a_setting():
    named = {name.rstrip("_") for page in GUIDES for name in re.findall(r"RAG_[A-Z0-9_]+", text_of(page))}
    groups = {variable.rpartition("__")[0] for variable in known_variables()}
    assert named <= known_variables() | groups


@pytest.mark.parametrize("program", PARSERS)
def test_every_command_that_the_documentation_names_exists(program):
    known = commands_of(parser_of(program))
    named = {name for page in GUIDES for name in re.findall(rf"-m {program} ([a-z./][\w./-]*)", text_of(page))}
    assert named
    assert named <= set(known)


def test_every_make_target_that_the_documentation_names_exists():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in GUIDES for name in re.findall(r"(?:`|\$ )make ([a-z][a-z-]*)", text_of(page))}
    assert named <= targets


def test_the_version_that_runs_is_the_packaged_one():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


def parser_of(program: str) -> argparse.ArgumentParser:
    return PARSERS[program]()
