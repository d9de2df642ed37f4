"""Every command of the README runs, and shows what the README says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.sentences import split_sentences
from tests.support.fakes.servers import ModelServer, in_thread, serve
from tests.support.programs import Service, environment, service
from tests.support.shipped.markdown import Command, blocks_of, commands_of

# A measurement of the running service takes a minute on quiet cores, and many on busy ones.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PYTHON = ".venv/bin/python"
MEASURING = re.findall(r"(?m)^\| .* \| `(.+)` \|$", re.findall(r"(?s)## Measured\n(.*?)\n## ", README)[0])
# These commands take a quarter of an hour, or change the checkout. The named test runs what is behind them.
RUN_ELSEWHERE = {
    "make rolling": ("tests.drills.rolling", "tests/drills/rolling/test_rolling.py"),
    "make template NAME=acme-search": ("deploy/template.py", "tests/consistency/deploy/test_template.py"),
}
# Flags that shorten a measurement; everything else is as the README has it.
SHORTER = {
    f"{PYTHON} -m evals serving": "--passages 60",
    f"{PYTHON} -m loadtests knee": "--start 2 --most 2 --seconds 3 --ttft 0.05 --tpot 0.005 --tokens 8",
}
# These start programs or ingest two manuals, which takes minutes.
LONG = {*SHORTER, f"{PYTHON} -m evals answers manuals --half report"}
TEXTS = {
    "pump": "The Kestrel pump moves cooling water. Its impeller lasts 4,000 hours.",
    "canteen": "The canteen serves pancakes every Thursday.",
}
QUESTIONS = {"q1": ("How long does the impeller of the pump last?", "pump", "4,000 hours")}


def command_with(part: str) -> Command:
    (command,) = [command for command in commands_of(README) if part in command.line]
    return command


def run(line: str, data_dir: Path, cwd: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    variables = environment(data_dir) | {"PYTHONPATH": str(ROOT)} | more
    python = line.replace(PYTHON, shlex.quote(sys.executable))
    return subprocess.run(python, shell=True, env=variables, cwd=cwd, capture_output=True, text=True, check=False)


def recipe_of(line: str) -> str:
    """Return the commands that make would run for the line."""
    listed = subprocess.run(
        # The settings of pip concern the set-up only, and reading them takes seconds.
        [*shlex.split(line), "--dry-run", "--always-make", "pip_setting="],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout


# All documents would take ten times as long as the guides.
@pytest.fixture(
    scope="module",
    params=[
        pytest.param("ingest.md", id="one guide"),
        pytest.param("*.md", id="every guide", marks=pytest.mark.nightly),
    ],
)
def running(request, tmp_path_factory, onnx_models) -> Iterator[Service]:
    """The service as `make run` starts it, over the guides whose names match."""
    data_dir, guides = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("guides")
    (data_dir / "models").symlink_to(onnx_models)
    for guide in (ROOT / "docs" / "guides").glob(request.param):
        shutil.copy(guide, guides)
    # Without those of the set-up.
    *preparation, serving = [it for it in recipe_of(command_with("make run").line).splitlines() if f"{PYTHON} -m" in it]
    assert serving == f"exec {PYTHON} -m service"
    assert preparation
    for line in preparation:
        done = run(line, data_dir, DOCS=str(guides))  # make passes its variable to the shell.
        assert done.returncode == 0, done.stderr
    with service(data_dir) as started:
        yield started


def test_the_question_of_the_readme_streams_the_answer_that_it_shows(running, tmp_path):
    command = command_with("curl")
    done = run(command.line.replace("localhost:8000", running.url.removeprefix("http://")), tmp_path)
    assert done.returncode == 0, done.stderr
    shown, received = ([line for line in out.splitlines() if line] for out in (command.output, done.stdout))
    assert events_in(shown) == events_in(received) == ["sources", "token", "done"]
    (answer,) = re.findall(r'"answer": ("[^"]*")', command.output)
    # The README leaves out a part of the answer.
    parts = map(re.escape, json.loads(answer).split("…"))
    assert re.match(".*".join(parts), json.loads(received[-1].removeprefix("data: "))["answer"])
    (title,) = re.findall(r'"title": "([^"]*)"', command.output)
    assert json.loads(received[1].removeprefix("data: "))["sources"][0]["title"] == title


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What happens to a document that exceeds a limit?", "rejected alone"),  # README.md
        ("How do workers share an inbox?", "share an inbox in Redis"),  # docs/deploy/kubernetes.md, conversations.md
    ],
)
def test_documented_example_questions_are_answered_in_the_first_sentence(running, question, words):
    assert any(question in page.read_text() for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
    answer = running.ask(question).json()["answer"]
    assert words in split_sentences(answer)[0]


def test_the_second_command_ingests_a_folder_that_the_service_then_answers_from(running, handbook):
    data_dir = running.log.parent
    done = run(command_with("~/my/folder").line.replace("~/my/folder", shlex.quote(str(handbook))), data_dir)
    assert done.returncode == 0, done.stderr
    running.wait_for_state(document_named(running, "handbook.md"), "ready")
    assert "oil level" in running.ask("What does error E1234 mean?").json()["answer"]


def test_three_lines_make_the_service_use_another_model(ingested, handbook):
    (block,) = blocks_of(README, "ini")
    settings = dict(line.split("=", 1) for line in block.splitlines())
    assert len(settings) == 3
    model = ModelServer(["The oil level ", "is too low [1]."])
    with in_thread(serve("/v1/chat/completions", model)) as url:
        settings["RAG_GENERATOR__URL"] = f"{url}/v1"
        with service(ingested(handbook), RAG_WORKER="none", **settings) as started:
            answer = started.ask("What does error E1234 mean?").json()
    assert (answer["mode"], answer["answer"]) == ("generate", "The oil level is too low [1].")
    assert model.requests[0]["model"] == settings["RAG_GENERATOR__MODEL"]


def measuring(line: str):
    """Return the parameter of a measuring command. The long ones run at night."""
    return pytest.param(line, marks=[pytest.mark.nightly] if line in LONG else [])


@pytest.mark.parametrize("line", [measuring(line) for line in sorted(set(MEASURING) - set(RUN_ELSEWHERE))])
def test_a_measuring_command_prints_a_table(line, data_dir, tmp_path):
    write_data_set(tmp_path / "xquad-en")
    write_data_set(tmp_path / "scifact")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pump.md").write_text(f"# Pump\n\n## Impeller\n\n{TEXTS['pump']}\n")
    done = run(f"{line} {SHORTER.get(line, '')}", data_dir, cwd=tmp_path)
    # A load test exits with 1 if a busy machine misses a threshold.
    assert done.returncode in ({0, 1} if "loadtests" in line else {0}), done.stderr
    assert re.search(r"(?m)^\|.*\d.*\|$", done.stdout), done.stdout


@pytest.mark.parametrize("line", RUN_ELSEWHERE)
def test_a_long_command_is_run_by_another_test(line):
    program, test = RUN_ELSEWHERE[line]
    assert program in recipe_of(line)
    assert Path(program).stem.rpartition(".")[2] in (ROOT / test).read_text()


def test_no_command_of_the_readme_is_left_out():
    tested = {command_with(part).line for part in ("make run", "curl", "~/my/folder", "make template")}
    assert {command.line for command in commands_of(README)} == tested
    assert set(RUN_ELSEWHERE) <= tested | set(MEASURING)


def events_in(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(line.removeprefix("event: ") for line in lines if line.startswith("event: ")))


def document_named(running: Service, name: str) -> str:
    listed = running.documents().values()
    (document,) = [document for document in listed if document["uri"].endswith(f"/{name}")]
    return document["id"]


def write_data_set(folder: Path) -> None:
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": name, "title": name.title(), "text": text} for name, text in TEXTS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    queries = [{"_id": name, "text": text} for name, (text, _, _) in QUESTIONS.items()]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    judged = "".join(f"{name}\t{document}\t1\n" for name, (_, document, _) in QUESTIONS.items())
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    answers = {name: [answer] for name, (_, _, answer) in QUESTIONS.items()}
    (folder / "answers.json").write_text(json.dumps(answers))
