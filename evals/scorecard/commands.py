"""`python -m evals scorecard`."""

import argparse
import asyncio
import os
import platform
import re
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import aiohttp

from evals.answers.gold import MANUALS, OWN_DOCUMENTS, Half, QuestionSet, draw_sample, read_question_set
from evals.commands import Commands
from evals.scorecard.asking import Door, Protocol
from evals.scorecard.behaviour import measure_leaving, measure_model, measure_overload
from evals.scorecard.card import KEPT, Row, keep, read_rows, to_table
from evals.scorecard.connecting import API_KEY, bring_documents, find_door, open_session
from evals.scorecard.quality import Limits, ask_all, judge, to_figures, write_verdicts
from evals.scorecard.sources import SourceMatcher
from evals.scorecard.stand_in import StandIn
from rag.errors import InvalidInput

# A run has an end, and is not a load test: `python -m loadtests` is.
_LONGEST = 86_400
_MOST = 500
_OUTPUTS = ("--json", "--answers")

EXAMPLES = """  python -m evals scorecard --corpus                                 names the folder of the documents
  python -m evals scorecard http://127.0.0.1:8000                    uploads the corpus and judges the service
  python -m evals scorecard http://127.0.0.1:1416 --uploaded         judges a service that has the corpus already"""

_EPILOG = f"""examples:
{EXAMPLES}
  python -m evals scorecard http://127.0.0.1:8000 --stand-in http://127.0.0.1:8082 --on-stand-in http://127.0.0.1:8003
                                                                     also lets the model fail

The service speaks /v1/chat/completions or /v1/answers. Its API key is read from {API_KEY}.
Only the named addresses are called. docs/take-home.md explains each row and what a good result is."""


def add_commands(commands: Commands) -> None:
    scorecard = commands.add_parser(
        "scorecard",
        help="judge any service that speaks OpenAI's chat API or /v1/answers, and print it beside ours",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    scorecard.add_argument(
        "url", nargs="?", metavar="URL", help="address of the service, such as http://127.0.0.1:8000"
    )
    scorecard.add_argument(
        "--corpus", action="store_true", help="print the folder of the documents, and do nothing else"
    )
    scorecard.add_argument(
        "--uploaded", action="store_true", help="the service has the documents already (default: upload them)"
    )
    scorecard.add_argument(
        "--wait", type=_seconds, default=1800, help="seconds until all documents are ready (default: %(default)s)"
    )
    scorecard.add_argument(
        "--protocol",
        choices=get_args(Protocol),
        help="chat completions, or /v1/answers (default: the first that works)",
    )
    scorecard.add_argument("--model", help="model of the chat requests (default: the first of /v1/models)")
    scorecard.add_argument(
        "--half",
        choices=get_args(Half),
        default="report",
        help="half of the questions. Improve your service on `choose`, and report the other (default: %(default)s)",
    )
    scorecard.add_argument("--sample", type=_count, help="number of questions to draw with a fixed seed (default: all)")
    scorecard.add_argument("--timeout", type=_seconds, default=60, help="seconds for one answer (default: %(default)s)")
    scorecard.add_argument(
        "--minutes", type=_seconds, default=30, help="minutes for all questions (default: %(default)s)"
    )
    scorecard.add_argument(
        "--clients", type=_count, default=50, help="questions at once, at most 500 (default: %(default)s)"
    )
    scorecard.add_argument(
        "--refusal",
        type=_wording,
        metavar="REGEX",
        help="the words by which your service refuses, beside the usual ones",
    )
    scorecard.add_argument(
        "--stand-in",
        metavar="URL",
        help="address of `python -m evals.scorecard.stand_in`, which the service has as model",
    )
    scorecard.add_argument(
        "--on-stand-in",
        metavar="URL",
        help="address of the service that has the stand-in as model (default: the address of the service)",
    )
    scorecard.add_argument("--name", default="this service", help="name of the column (default: %(default)s)")
    scorecard.add_argument(
        "--json", type=Path, metavar="OUT", help="file to write the row to, beside rows of other names"
    )
    scorecard.add_argument("--answers", type=Path, metavar="OUT", help="file to write each answer with its verdict to")
    scorecard.set_defaults(run=_scorecard)


def _scorecard(arguments: argparse.Namespace, _: object) -> None:
    if arguments.corpus:
        print(OWN_DOCUMENTS)
        return
    if not arguments.url:
        raise InvalidInput("Name the address of the service, such as http://127.0.0.1:8000, or pass --corpus.")
    if arguments.json and arguments.json.exists():
        read_rows(arguments.json)  # A file with something else is reported before the measurement.
    row = asyncio.run(_measure(arguments))
    print(to_table([row, *(kept for kept in read_rows(KEPT) if kept.name != row.name)]))
    if arguments.json:
        keep(row, arguments.json)


async def _measure(arguments: argparse.Namespace) -> Row:
    found = read_question_set(MANUALS, half=arguments.half)
    questions = draw_sample(found.questions, arguments.sample)
    limits = Limits(question_seconds=arguments.timeout, total_seconds=arguments.minutes * 60)
    async with open_session() as session, open_session(with_key=False) as control:
        model = StandIn(control, arguments.stand_in) if arguments.stand_in else None
        if model:
            await model.behave("answer")
        door = await _open_door(session, arguments.url, found, arguments)
        exchanges = await ask_all(session, door, questions, limits)
        verdicts = judge(exchanges, SourceMatcher(found.documents), arguments.refusal)
        if arguments.answers:
            write_verdicts(verdicts, arguments.answers)
        figures = dict(to_figures(verdicts))
        texts = [question.text for question in questions]
        _tell(f"{arguments.clients} questions at once …")
        figures["overload"] = await measure_overload(
            session, door, texts, clients=arguments.clients, seconds=arguments.timeout
        )
        if model and arguments.on_stand_in:
            door = await _open_door(session, arguments.on_stand_in, found, arguments)
        question = next(question.text for question in found.questions if question.is_answerable)
        _tell("clients leave …")
        figures["leaving"] = await measure_leaving(session, door, question, seconds=arguments.timeout, model=model)
        if model:
            _tell("the model fails …")
            figures |= await measure_model(session, door, question, model, seconds=arguments.timeout)
    return Row(name=arguments.name, command=_command(), conditions=_conditions(), figures=figures)


async def _open_door(
    session: aiohttp.ClientSession, url: str, found: QuestionSet, arguments: argparse.Namespace
) -> Door:
    door = await find_door(session, url, protocol=arguments.protocol, model=arguments.model, seconds=arguments.timeout)
    if not arguments.uploaded:
        await bring_documents(session, door.url, found.documents, seconds=arguments.wait)
    return door


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _command() -> str:
    """Return the command without the files that it writes."""
    words = iter(sys.argv[1:])
    kept: list[str] = []
    for word in words:
        if word in _OUTPUTS:
            next(words, None)
        elif not word.startswith(tuple(f"{output}=" for output in _OUTPUTS)):
            kept.append(word)
    return f".venv/bin/python -m evals {shlex.join(kept)}"


def _conditions() -> str:
    """Return what the times depend on. The load includes the measured service."""
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {_processor()}, load {os.getloadavg()[2]:.0f}"


def _processor() -> str:
    """Return the processor's name, because times of different processors do not compare."""
    try:
        match = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        match = None
    return match[1] if match else platform.processor() or platform.machine()


def _seconds(text: str) -> float:
    if not 0 < (value := float(text)) <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0 and at most {_LONGEST}")
    return value


def _count(text: str) -> int:
    if not 0 < (value := int(text)) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to {_MOST}")
    return value


def _wording(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text} is not a valid regular expression: {error}") from error
