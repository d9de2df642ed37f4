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

EXAMPLES = """  python -m evals ingestion ~/docs --rounds 3                        compares with the embedder alone
  python -m evals memory --documents 1000,100000 --embedder fake     measures the memory of ingestion
  python -m evals latency --passages 5000                            measures the search
  python -m evals serving                                            measures the running service"""


def add_commands(commands: Commands) -> None:
    ingestion_command = commands.add_parser(
        "ingestion", help="compare ingestion with the embedder alone, and measure a run over unchanged documents"
    )
    ingestion_command.add_argument(
        "folder", type=Path, nargs="?", default=Path("docs"), metavar="FOLDER", help="documents (default: %(default)s)"
    )
    ingestion_command.add_argument("--rounds", type=int, default=3, help="number of rounds (default: %(default)s)")
    ingestion_command.add_argument(
        "--documents", type=int, default=200, help="maximum number of documents (default: %(default)s)"
    )
    ingestion_command.set_defaults(run=_ingestion)
    memory_command = commands.add_parser(
        "memory", help="measure the resident memory of ingestion for corpora of different sizes"
    )
    memory_command.add_argument(
        "--documents", type=_numbers, default=[1_000, 100_000], help="sizes of the corpora, comma-separated"
    )
    embedders, stores = get_args(memory.EmbedderKind), get_args(memory.StoreKind)
    memory_command.add_argument(
        "--embedder",
        type=some_of(embedders),
        default=["fake"],
        help="embedders, comma-separated: model, or fake without a model (default: fake)",
    )
    memory_command.add_argument(
        "--store",
        type=some_of(stores),
        default=["edge", "none"],
        help="stores, comma-separated: edge, or none which discards everything (default: both)",
    )
    memory_command.set_defaults(run=_memory)
    latency_command = commands.add_parser("latency", help="measure the time to embed a question and to search")
    latency_command.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("docs"),
        metavar="FOLDER",
        help="source of words (default: %(default)s)",
    )
    latency_command.add_argument("--passages", type=int, default=5000, help="number of passages (default: %(default)s)")
    latency_command.add_argument("--sample", type=int, default=300, help="number of questions (default: %(default)s)")
    latency_command.set_defaults(run=_latency)
    serving_command = commands.add_parser(
        "serving", help="measure start, memory, uploads, and streams during ingestion"
    )
    serving_command.add_argument(
        "--passages", type=int, default=5000, help="passages to ingest beside a stream (default: %(default)s)"
    )
    serving_command.set_defaults(run=_serving)
    for command in (ingestion_command, memory_command, latency_command, serving_command):
        add_json(command)


def _ingestion(arguments: argparse.Namespace, _: Settings) -> None:
    rounds = asyncio.run(_print_rounds(arguments))
    write_rows(rounds, arguments.json)
    print(ingestion.to_summary(rounds))


async def _print_rounds(arguments: argparse.Namespace) -> list[ingestion.IngestionRound]:
    rounds = []
    print(ingestion.HEADER, flush=True)
    async for each in ingestion.measure_ingestion(
        str(arguments.folder), read_settings(IngestSettings), rounds=arguments.rounds, documents=arguments.documents
    ):
        print(each.to_row(), flush=True)
        rounds.append(each)
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
    figures = serving.measure_serving(settings.models_dir, passages=arguments.passages)
    print_table(serving.HEADER, figures, arguments.json)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]
