"""`python -m evals answers`, `compare` and `register`."""

import argparse
import asyncio
from pathlib import Path
from typing import get_args

from evals.answers.gold import GOLDEN, read_question_set
from evals.answers.measurement import measure_answers
from evals.answers.prompts import are_prompts, compare_prompts, register, track_prompts
from evals.answers.report import compare_files, report_answers, to_differences, to_table, write_report
from evals.answers.results import track_runs, write_runs, write_texts
from evals.commands import Commands, add_json, some_of
from service.settings import Mode, Settings

EXAMPLES = """  python -m evals answers golden --modes quote                       this project's own questions
  python -m evals answers xquad-en --modes quote,checked,generate --sample 100 --json answers.json
  python -m evals answers golden --report .eval                      JSON, Markdown and plots into a folder
  python -m evals compare new.json old.json                          paired differences, with intervals
  python -m evals compare answer/v2 answer/v1                        two prompts over the same questions"""


def add_commands(commands: Commands) -> None:
    asked = commands.add_parser("answers", help="answers, citations, groundedness and refusals, by answering mode")
    asked.add_argument(
        "questions", metavar="FOLDER", help=f"a folder with gold answers, or {GOLDEN}: this project's own questions"
    )
    asked.add_argument(
        "--modes",
        type=some_of(get_args(Mode)),
        default=["quote"],
        help="quote, checked, generate, or several with commas",
    )
    asked.add_argument("--sample", type=int, help="this many questions instead of all, always the same ones")
    asked.add_argument("--report", type=Path, metavar="OUT", help="a folder for JSON, a Markdown table and plots")
    add_json(asked)
    asked.set_defaults(run=_answers)
    compared = commands.add_parser(
        "compare", help="paired differences, with intervals: of two prompts, or of two files"
    )
    compared.add_argument("new", metavar="NEW", help="a prompt such as answer/v2, or a file that --json wrote")
    compared.add_argument("old", metavar="OLD")
    compared.add_argument("--questions", default=GOLDEN, metavar="FOLDER", help="for prompts (default: %(default)s)")
    compared.add_argument("--sample", type=int, help="for prompts: this many questions, always the same ones")
    compared.set_defaults(run=_compare)
    for command in (asked, compared):
        command.add_argument("--texts", type=Path, metavar="OUT", help="a folder for the answers, which `judge` reads")
    registered = commands.add_parser("register", help="a prompt of the folder into MLflow's registry (RAG_MLFLOW__URI)")
    registered.add_argument("prompt", metavar="PROMPT", help="such as answer/v2")
    registered.set_defaults(run=_register)


def _answers(arguments: argparse.Namespace, settings: Settings) -> None:
    questions = read_question_set(arguments.questions)
    runs = asyncio.run(measure_answers(questions, arguments.modes, settings, sample=arguments.sample))
    threshold = settings.retrieval.min_similarity
    print(report_answers(questions, runs, threshold=threshold))
    if arguments.json:
        write_runs(runs, arguments.json)
    if arguments.texts:
        write_texts(runs, arguments.texts)
    if settings.mlflow.uri:
        asyncio.run(track_runs(runs, settings))
    if arguments.report:
        write_report(questions, runs, arguments.report, threshold=threshold)


def _compare(arguments: argparse.Namespace, settings: Settings) -> None:
    """Two files of results, or two prompts that are asked now."""
    if not are_prompts(arguments.new, arguments.old):
        print(compare_files(Path(arguments.new), Path(arguments.old)))
        return
    questions = read_question_set(arguments.questions)
    names = [arguments.new, arguments.old]
    new, old = asyncio.run(compare_prompts(names, questions, settings, sample=arguments.sample))
    print(f"{to_table([new.run, old.run])}\n\n{to_differences(new.run, old.run)}")
    if arguments.texts:
        write_texts([new.run, old.run], arguments.texts)
    asyncio.run(track_prompts([new, old], settings))


def _register(arguments: argparse.Namespace, settings: Settings) -> None:
    print(f"{arguments.prompt} is version {asyncio.run(register(arguments.prompt, settings))} there.")
