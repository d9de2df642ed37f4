"""`python -m research grounding`."""

import argparse
import asyncio
from pathlib import Path

from evals.collection import open_configured_embedder
from evals.commands import Commands, print_table
from research.grounding import preferences, scoring, thresholds
from research.grounding.asking import read_answers, write_answers
from research.grounding.pairs import read_pairs
from service.grounding.checking import COSINE, SUPPORTED, UNSUPPORTED, Grounding
from service.grounding.claims import read_claims
from service.settings import Settings

EXAMPLES = """  python -m research grounding pairs FOLDER                              thresholds on labelled pairs
  python -m research grounding preferences FOLDER                        agreement with people's preferences
  python -m research grounding ask FOLDER answers.jsonl                  lets the model answer CLAPNQ's questions
  python -m research grounding show answers.jsonl                        prints the sentences for labelling
  python -m research grounding score answers.jsonl labels.jsonl          citations and refusals before and after"""


def add_commands(commands: Commands) -> None:
    command = commands.add_parser("grounding", help="check sentences against the passages that they cite")
    steps = command.add_subparsers(dest="step", required=True)
    pairs = steps.add_parser("pairs", help="choose thresholds on one half of labelled pairs, and report on the other")
    pairs.add_argument("folder", metavar="FOLDER", type=Path, help="CLAPNQ's questions in BEIR's format")
    pairs.set_defaults(run=_pairs)
    compare = steps.add_parser("preferences", help="compare the check with people's preferences of RAGChecker")
    compare.add_argument("folder", metavar="FOLDER", type=Path, help="folder with human_labeled_data.json")
    compare.set_defaults(run=_preferences)
    ask = steps.add_parser("ask", help="let the configured model answer, and go on where the file ends")
    ask.add_argument("folder", metavar="FOLDER", type=Path, help="CLAPNQ's questions in BEIR's format")
    ask.add_argument("file", metavar="ANSWERS", type=Path, help="JSON lines, appended as the answers come")
    ask.add_argument("--limit", type=int, default=100, help="answers in the file (default: 100)")
    ask.set_defaults(run=_ask)
    show = steps.add_parser("show", help="print each answer with its passages and numbered sentences")
    show.add_argument("file", metavar="ANSWERS", type=Path)
    show.set_defaults(run=_show)
    score = steps.add_parser("score", help="compare the check with labels, without the model")
    score.add_argument("file", metavar="ANSWERS", type=Path)
    score.add_argument(
        "labels", metavar="LABELS", type=Path, help='JSON lines: {"id": …, "supported": [true, false, null]}'
    )
    score.set_defaults(run=_score)


def _pairs(arguments: argparse.Namespace, settings: Settings) -> None:
    async def weigh() -> list[thresholds.Weighed]:
        async with open_configured_embedder(settings) as embedder:
            return await thresholds.weigh_pairs(read_pairs(arguments.folder), embedder)

    weighed = asyncio.run(weigh())
    shipped = thresholds.Thresholds(unsupported=UNSUPPORTED, supported=SUPPORTED, cosine=COSINE)
    for name, some in (("chosen", thresholds.choose(weighed)), ("in the service", shipped)):
        print(f"\n{name}: {some}\n")
        print_table(thresholds.HEADER, thresholds.report(weighed, some))


def _preferences(arguments: argparse.Namespace, settings: Settings) -> None:
    async def compare() -> list[preferences.Agreement]:
        async with open_configured_embedder(settings) as embedder:
            return await preferences.compare(arguments.folder, Grounding(embedder))

    print_table(preferences.HEADER, asyncio.run(compare()))


def _ask(arguments: argparse.Namespace, settings: Settings) -> None:
    asyncio.run(write_answers(arguments.folder, arguments.file, settings, limit=arguments.limit))


def _show(arguments: argparse.Namespace, _: Settings) -> None:
    for answer in read_answers(arguments.file):
        passages = "\n".join(f"[{number}] {text}" for number, text in enumerate(answer.passages, start=1))
        sentences = "\n".join(
            f"  {index}: {sentence.text} {list(sentence.cited)}{'' if sentence.is_claim else ' claims nothing'}"
            for index, sentence in enumerate(read_claims(answer.text))
        )
        kind = "answerable" if answer.is_answerable else "unanswerable"
        print(
            f"{answer.id} ({kind}, {answer.half}, gold [{answer.gold}]): {answer.question}\n{passages}\n{sentences}\n"
        )


def _score(arguments: argparse.Namespace, settings: Settings) -> None:
    async def score() -> list[scoring.Result]:
        async with open_configured_embedder(settings) as embedder:
            labels = scoring.read_labels(arguments.labels)
            return await scoring.score(
                read_answers(arguments.file), labels, Grounding(embedder, settings.answering.support)
            )

    print_table(scoring.HEADER, asyncio.run(score()))
