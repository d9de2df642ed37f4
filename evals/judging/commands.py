"""`python -m evals judge` and `calibrate`."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from evals.commands import Commands, some_of
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

EXAMPLES = """  python -m evals judge answers.jsonl                                faithfulness, relevance, completeness
  python -m evals judge new.jsonl old.jsonl                          which answers are better, in both orders
  python -m evals calibrate halueval-general --sample 200            how far the judge agrees with people
  python -m evals calibrate ragchecker-meta --judge lexical --held-out"""
_MOST_FILES = 2

_HEADER = (
    "| judge | rubric | people's labels | cases | no verdict | same label | κ (95 %) | changed with the order |\n"
    "|---|---|---|---|---|---|---|---|"
)


def add_commands(commands: Commands) -> None:
    judged = commands.add_parser("judge", help="what a language model says of answers, and how far it can be believed")
    judged.add_argument("answers", type=Path, nargs="+", metavar="ANSWERS", help="one file, or two to compare")
    judged.add_argument(
        "--rubrics", help=f"of one file: names, or name/version (default: {','.join(POINTWISE)}); two have their own"
    )
    judged.add_argument("--json", type=Path, metavar="OUT", help="also write the results as JSON")
    judged.set_defaults(run=lambda arguments, settings: asyncio.run(_judge(arguments, settings)))
    calibrated = commands.add_parser("calibrate", help="a judge beside people, on public labelled answers")
    calibrated.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="HaluEval general or RAGChecker")
    calibrated.add_argument("--sample", type=int, help="this many cases instead of all, always the same ones")
    calibrated.add_argument("--held-out", action="store_true", help="every second case, on which nothing was chosen")
    calibrated.add_argument(
        "--rubrics",
        type=some_of(CALIBRATED),
        help=f"only these of {', '.join(CALIBRATED)} (default: what the labels can tell)",
    )
    calibrated.set_defaults(run=lambda arguments, settings: asyncio.run(_calibrate(arguments, settings)))
    for command in (judged, calibrated):
        command.add_argument("--judge", choices=["model", "lexical"], default="model", help="default: %(default)s")


async def _judge(arguments: argparse.Namespace, settings: Settings) -> None:
    if len(arguments.answers) > _MOST_FILES:
        raise InvalidInput(f"{len(arguments.answers)} files of answers: one is judged, or two are compared.")
    if len(arguments.answers) == _MOST_FILES and arguments.rubrics:
        raise InvalidInput(f"--rubrics is for one file of answers: two are compared by {PAIRWISE} alone.")
    known = Calibrations.read(_file_of(settings))
    first, *others = [read_transcripts(path) for path in arguments.answers]
    async with open_judge(arguments.judge, settings) as judge:
        concurrency = settings.judge.concurrency
        if not others:
            rubrics = arguments.rubrics.split(",") if arguments.rubrics else POINTWISE
            judgements = await judge_answers(judge, first, rubrics, known, concurrency=concurrency)
        else:
            judgements = await judge_pairs(judge, first, others[0], known, concurrency=concurrency)
    print("\n".join([scoring.HEADER, *(judgement.to_row() for judgement in judgements)]))
    if arguments.json:
        _write(judgements, arguments.json)
    await _track(judgements, settings)


async def _calibrate(arguments: argparse.Namespace, settings: Settings) -> None:
    """Prints each result as it is there and keeps it beside those of other judges."""
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
    found = agreement_of_people(data.pairs)
    low, high = found.interval
    return (
        f"| a second person | - | {data.name}, overall | {found.cases} | 0 | {found.agreement:.1%} "
        f"| {found.kappa:.3f} ({low:.3f} to {high:.3f}) | - |"
    )


async def _track(judgements: Sequence[Judgement], settings: Settings) -> None:
    """Scores and what is known of the judge, into MLflow where there is one."""
    params = {judgement.rubric: judgement.hash for judgement in judgements}
    metrics = {judgement.rubric: judgement.score for judgement in judgements if judgement.score is not None}
    for judgement in judgements:
        metrics |= {f"kappa {judgement.rubric} {known.data}": known.kappa for known in judgement.calibrations}
    await track(settings, "judge", params={"judge": judgements[0].judge, **params}, metrics=metrics)


def _write(judgements: Sequence[Judgement], target: Path) -> None:
    target.write_text(json.dumps([asdict(judgement) for judgement in judgements], indent=1), encoding="utf-8")
