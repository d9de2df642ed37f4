"""`python -m evals ingestion`, `memory`, `latency` and `serving`."""

import argparse
import asyncio
from pathlib import Path
from typing import get_args

from evals.commands import Commands, add_json, print_table, some_of, write_rows
from evals.performance import ingestion, latency, memory, serving
from ingest.settings import Settings as IngestSettings
from rag.settings import read_settings
from service.settings import Settings

EXAMPLES = """  python -m evals ingestion ~/docs --rounds 3                        chunks/s against the embedder alone
  python -m evals memory --documents 1000,100000 --embedder fake     what ingestion keeps in memory
  python -m evals latency --passages 5000                            passages for one question, the model included
  python -m evals serving                                            the running service, a few minutes"""


def add_commands(commands: Commands) -> None:
    taken_in = commands.add_parser(
        "ingestion", help="ingestion against the bare embedder, and over unchanged documents"
    )
    taken_in.add_argument("folder", type=Path, nargs="?", default=Path("docs"), metavar="FOLDER")
    taken_in.add_argument("--rounds", type=int, default=3, help="how often (default: %(default)s)")
    taken_in.add_argument("--documents", type=int, default=200, help="of the folder at most (default: %(default)s)")
    taken_in.set_defaults(run=_ingestion)
    kept = commands.add_parser("memory", help="resident memory of ingestion as the corpus grows")
    kept.add_argument("--documents", type=_numbers, default=[1_000, 100_000], help="sizes of corpora, with commas")
    kinds, places = get_args(memory.EmbedderKind), get_args(memory.StoreKind)
    kept.add_argument("--embedder", type=some_of(kinds), default=["fake"], help="model, fake (costs no time), or both")
    kept.add_argument("--store", type=some_of(places), default=["edge", "none"], help="edge, none (forgets), or both")
    kept.set_defaults(run=_memory)
    timed = commands.add_parser("latency", help="one question's passages, the model included")
    timed.add_argument("folder", type=Path, nargs="?", default=Path("docs"), metavar="FOLDER")
    timed.add_argument("--passages", type=int, default=5000, help="(default: %(default)s)")
    timed.add_argument("--sample", type=int, default=300, help="this many questions (default: %(default)s)")
    timed.set_defaults(run=_latency)
    served = commands.add_parser("serving", help="start, memory, uploads, streams while documents come in")
    served.set_defaults(run=_serving)
    for command in (taken_in, kept, timed, served):
        add_json(command)


def _ingestion(arguments: argparse.Namespace, _: Settings) -> None:
    rounds = asyncio.run(_print_rounds(arguments))
    write_rows(rounds, arguments.json)
    print(ingestion.to_summary(rounds))


async def _print_rounds(arguments: argparse.Namespace) -> list[ingestion.IngestionRound]:
    rounds = []
    print(ingestion.HEADER, flush=True)
    async for one in ingestion.measure_ingestion(
        str(arguments.folder), read_settings(IngestSettings), rounds=arguments.rounds, documents=arguments.documents
    ):
        print(one.to_row(), flush=True)
        rounds.append(one)
    return rounds


def _memory(arguments: argparse.Namespace, _: Settings) -> None:
    peaks = memory.measure_memory(arguments.documents, arguments.embedder, arguments.store)
    print_table(memory.HEADER, peaks, arguments.json)


def _latency(arguments: argparse.Namespace, settings: Settings) -> None:
    measuring = latency.measure_latency(
        arguments.folder, settings, passages=arguments.passages, questions=arguments.sample
    )
    print_table(latency.HEADER, asyncio.run(measuring), arguments.json)


def _serving(arguments: argparse.Namespace, settings: Settings) -> None:
    print_table(serving.HEADER, serving.measure_serving(settings.models_dir), arguments.json)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]
