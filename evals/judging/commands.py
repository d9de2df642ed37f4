"""`python -m evals judge` and `calibrate`."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from evals.commands import Commands, add_json, print_table, some_of
from evals.judging import scoring
from evals.judging.calibration import CALIBRATED, agreement_of_people, calibrate
from evals.judging.factory import open_judge
from evals.judging.labelled import LabelledData, read_labelled
from evals.judging.scoring import Judgement, judge_answers, judge_pairs
from evals.tracking import track
from evals.transcripts import read_transcripts
from rag.errors import InvalidInput
from service.judging import calibration
from service.judging.calibration import Agreement, Calibrations
from service.judging.rubrics import PAIRWISE, POINTWISE
from service.settings import Settings

EXAMPLES = """  python -m evals judge answers.jsonl                                scores answers by three rubrics
  python -m evals judge new.jsonl old.jsonl                          compares answers in both orders
  python -m evals calibrate halueval-general --sample 200            measures the judge
  python -m evals calibrate ragchecker-meta --judge lexical --held-out"""
_MAX_FILES = 2

_HEADER = (
    "| judge | rubric | human labels | cases | no verdict | same label | κ (95 %) | changed with the order |\n"
    "|---|---|---|---|---|---|---|---|"
)


def add_commands(commands: Commands) -> None:
    judge_command = commands.add_parser(
        "judge", help="score answers with a language model, and show how well it agrees with people"
    )
    judge_command.add_argument(
        "answers", type=Path, nargs="+", metavar="ANSWERS", help="file of answers, or two files to compare"
    )
    judge_command.add_argument(
        "--rubrics", help=f"rubrics for a single file, as name or name/version (default: {','.join(POINTWISE)})"
    )
    add_json(judge_command)
    judge_command.set_defaults(run=lambda arguments, settings: asyncio.run(_judge(arguments, settings)))
    calibrate_command = commands.add_parser(
        "calibrate", help="measure the agreement of a judge with people on public labelled answers"
    )
    calibrate_command.add_argument(
        "folders",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="folder with HaluEval general or RAGChecker's meta-evaluation",
    )
    calibrate_command.add_argument(
        "--sample", type=int, help="number of cases to draw with a fixed seed (default: all)"
    )
    calibrate_command.add_argument(
        "--held-out", action="store_true", help="use every second case only; no parameter was chosen on them"
    )
    calibrate_command.add_argument(
        "--rubrics",
        type=some_of(CALIBRATED),
        help=f"rubrics to measure, from {', '.join(CALIBRATED)} (default: all that the labels cover)",
    )
    calibrate_command.set_defaults(run=lambda arguments, settings: asyncio.run(_calibrate(arguments, settings)))
    for command in (judge_command, calibrate_command):
        command.add_argument(
            "--judge", choices=["model", "lexical"], default="model", help="kind of judge (default: %(default)s)"
        )


async def _judge(arguments: argparse.Namespace, settings: Settings) -> None:
    if len(arguments.answers) > _MAX_FILES:
        raise InvalidInput(
            f"{len(arguments.answers)} files of answers were given. Give one to score, or two to compare."
        )
    if len(arguments.answers) == _MAX_FILES and arguments.rubrics:
        raise InvalidInput(f"--rubrics works with one file of answers only. Two files are compared by {PAIRWISE}.")
    known = Calibrations.read(_file_of(settings))
    first, *others = [read_transcripts(path) for path in arguments.answers]
    async with open_judge(arguments.judge, settings) as judge:
        concurrency = settings.judge.concurrency
        if not others:
            rubrics = arguments.rubrics.split(",") if arguments.rubrics else POINTWISE
            judgements = await judge_answers(judge, first, rubrics, known, concurrency=concurrency)
        else:
            judgements = await judge_pairs(judge, first, others[0], known, concurrency=concurrency)
    print_table(scoring.HEADER, judgements, arguments.json)
    await _track(judgements, settings)


async def _calibrate(arguments: argparse.Namespace, settings: Settings) -> None:
    """Print each result and add it to the calibration file."""
    path = _file_of(settings)
    print(_HEADER)
    async with open_judge(arguments.judge, settings) as judge:
        for folder in arguments.folders:
            data = _select(read_labelled(folder), arguments)
            if data.pairs:
                print(_people_row(data))
            for agreement in await calibrate(judge, data, arguments.rubrics, concurrency=settings.judge.concurrency):
                print(_row(agreement))
                Calibrations.read(path).add(agreement).write(path)


def _select(data: LabelledData, arguments: argparse.Namespace) -> LabelledData:
    return (data.held_out() if arguments.held_out else data).sample(arguments.sample)


def _file_of(settings: Settings) -> Path:
    return settings.judge.calibration or calibration.PACKAGED


def _row(agreement: Agreement) -> str:
    low, high = agreement.interval
    bias = "-" if agreement.position_bias is None else f"{agreement.position_bias:.0%}"
    return (
        f"| {agreement.judge} | {agreement.rubric} `{agreement.rubric_hash}` | {agreement.data} | {agreement.cases} "
        f"| {agreement.failures} | {agreement.agreement:.1%} | {agreement.kappa:.3f} ({low:.3f} to {high:.3f}) "
        f"| {bias} |"
    )


def _people_row(data: LabelledData) -> str:
    agreement = agreement_of_people(data.pairs)
    low, high = agreement.interval
    return (
        f"| a second person | - | {data.name}, overall | {agreement.cases} | 0 | {agreement.agreement:.1%} "
        f"| {agreement.kappa:.3f} ({low:.3f} to {high:.3f}) | - |"
    )


async def _track(judgements: Sequence[Judgement], settings: Settings) -> None:
    """Record scores and calibrations in MLflow, if it is configured."""
    params = {judgement.rubric: judgement.hash for judgement in judgements}
    metrics = {judgement.rubric: judgement.score for judgement in judgements if judgement.score is not None}
    for judgement in judgements:
        metrics |= {f"kappa {judgement.rubric} {known.data}": known.kappa for known in judgement.calibrations}
    await track(settings, "judge", params={"judge": judgements[0].judge, **params}, metrics=metrics)
