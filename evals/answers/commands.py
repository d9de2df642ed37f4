"""`python -m evals answers`, `compare` and `register`."""

import argparse
import asyncio
from pathlib import Path
from typing import get_args

from evals.answers.drafting import draft
from evals.answers.follow_ups import HEADER, measure_follow_ups
from evals.answers.gold import FOLLOW_UPS, GOLDEN, OWN_SETS, Half, read_question_set
from evals.answers.measurement import measure_answers
from evals.answers.page import write_page
from evals.answers.prompts import are_prompts, compare_prompts, register, track_prompts
from evals.answers.report import compare_files, report_answers, to_differences, to_table, write_report
from evals.answers.results import track_runs, write_runs, write_texts
from evals.commands import Commands, add_json, print_table, some_of
from service.settings import Mode, Settings

EXAMPLES = """  python -m evals answers golden --modes quote                       evaluates the golden set
  python -m evals answers manuals --half choose                      asks what people ask, by kind, one half only
  python -m evals answers xquad-en --modes quote,checked,generate --sample 100 --json answers.json
  python -m evals answers golden --report .eval                      writes JSON, Markdown and plots to a folder
  python -m evals follow-ups                                         finds second questions of conversations
  python -m evals draft ~/my/folder --out ~/my/questions             proposes questions about your documents
  python -m evals compare new.json old.json                          compares two results, paired by question
  python -m evals compare answer/v2 answer/v1                        compares two prompts over the same questions"""


def add_commands(commands: Commands) -> None:
    answers = commands.add_parser(
        "answers", help="measure answers, citations, groundedness and declined questions per answer mode"
    )
    answers.add_argument(
        "questions", metavar="FOLDER", help=f"folder with gold answers, or one of the own sets: {', '.join(OWN_SETS)}"
    )
    answers.add_argument(
        "--modes",
        type=some_of(get_args(Mode)),
        default=["quote"],
        help="answer modes, comma-separated: quote, checked, generate, agentic (default: quote)",
    )
    answers.add_argument(
        "--half", choices=get_args(Half), help="ask one half only: choose parameters on one, report on the other"
    )
    answers.add_argument("--sample", type=int, help="number of questions to draw with a fixed seed (default: all)")
    answers.add_argument("--report", type=Path, metavar="OUT", help="folder for JSON, a Markdown report and plots")
    add_json(answers)
    answers.set_defaults(run=_answers)
    compare = commands.add_parser(
        "compare", help="show paired differences with intervals between two prompts or two result files"
    )
    compare.add_argument("new", metavar="NEW", help="prompt such as answer/v2, or a file written by --json")
    compare.add_argument("old", metavar="OLD", help="prompt or file to compare with")
    compare.add_argument(
        "--questions", default=GOLDEN, metavar="FOLDER", help="question set for prompts (default: %(default)s)"
    )
    compare.add_argument(
        "--sample", type=int, help="for prompts: number of questions to draw with a fixed seed (default: all)"
    )
    compare.set_defaults(run=_compare)
    for command in (answers, compare):
        command.add_argument(
            "--texts", type=Path, metavar="OUT", help="folder for the answer texts, as input of `judge`"
        )
    follow_ups = commands.add_parser(
        FOLLOW_UPS, help="measure how well second questions of conversations are found, with and without the first"
    )
    follow_ups.add_argument("--half", choices=get_args(Half), help="ask one half only")
    follow_ups.set_defaults(run=_follow_ups)
    page = commands.add_parser("page", help="write docs/measurements/answers.md from results")
    page.add_argument("page", type=Path, metavar="PAGE", help="file to write")
    page.add_argument(
        "results",
        nargs="+",
        metavar="COMMAND=FILE",
        help="a command of evals with its arguments, and the JSON (or Markdown) that it wrote",
    )
    page.set_defaults(run=_page)
    draft_command = commands.add_parser(
        "draft",
        help="propose questions with their passages from a folder of documents, for a person to accept",
        description="Writes OUT/documents and OUT/proposed.jsonl. "
        "Move the lines that you accept to OUT/questions.jsonl. "
        "Headings and definitions become questions, or a model server writes them (RAG_GENERATOR__KIND=openai).",
    )
    draft_command.add_argument("folder", type=Path, metavar="FOLDER", help="folder with documents of any format")
    draft_command.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder of the question set")
    draft_command.add_argument(
        "--limit", type=int, default=200, help="largest number of questions (default: %(default)s)"
    )
    draft_command.set_defaults(run=_draft)
    register_command = commands.add_parser(
        "register", help="register a prompt of the prompt folder in MLflow (RAG_MLFLOW__URI)"
    )
    register_command.add_argument("prompt", metavar="PROMPT", help="prompt and version, such as answer/v2")
    register_command.set_defaults(run=_register)


def _answers(arguments: argparse.Namespace, settings: Settings) -> None:
    questions = read_question_set(arguments.questions, half=arguments.half)
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
    """Compare two result files, or run two prompts and compare them."""
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


def _follow_ups(arguments: argparse.Namespace, settings: Settings) -> None:
    questions = read_question_set(FOLLOW_UPS, half=arguments.half)
    print_table(HEADER, asyncio.run(measure_follow_ups(questions, settings)))


def _page(arguments: argparse.Namespace, _: Settings) -> None:
    parts = (each.partition("=") for each in arguments.results)
    write_page([(name, Path(file)) for name, _, file in parts], arguments.page)


def _draft(arguments: argparse.Namespace, settings: Settings) -> None:
    count = asyncio.run(draft(arguments.folder, arguments.out, settings, limit=arguments.limit))
    print(
        f"{count} questions are in {arguments.out / 'proposed.jsonl'}. Move the ones that you accept to "
        f"{arguments.out / 'questions.jsonl'}, and correct them on the way."
    )


def _register(arguments: argparse.Namespace, settings: Settings) -> None:
    version = asyncio.run(register(arguments.prompt, settings))
    print(f"{arguments.prompt} is registered in MLflow as version {version}.")
