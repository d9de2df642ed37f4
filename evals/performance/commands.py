"""`python -m evals ingestion`, `memory`, `latency`, `serving`, `telemetry` and `overhead`."""

import argparse
import asyncio
from pathlib import Path
from typing import get_args

from evals.commands import Commands, Row, add_json, print_table, some_of, write_rows
from evals.performance import ingestion, latency, memory, overhead, scale, serving, telemetry
from evals.performance.asking_scale import SEARCHING_HEADER
from ingest.settings import Settings as IngestSettings
from rag.settings import read_settings
from service.settings import Settings

EXAMPLES = """  python -m evals ingestion ~/docs --rounds 3                        chunks/s against the embedder alone
  python -m evals memory --documents 1000,100000 --embedder fake     what ingestion keeps in memory
  python -m evals latency --passages 5000                            passages for one question, the model included
  python -m evals scale scifact/ --kept .data/scale --points 500000  the embedded engine with many points, up to an hour
  python -m evals serving                                            the running service, a few minutes
  python -m evals telemetry --rounds 40                              metrics, logs and traces against none of them
  python -m evals overhead --streams 1,64                            the service against its parts, bare"""


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
    kinds, places = get_args(memory.Kind), get_args(memory.Place)
    kept.add_argument("--embedder", type=some_of(kinds), default=["fake"], help="model, fake (costs no time), or both")
    kept.add_argument("--store", type=some_of(places), default=["edge", "none"], help="edge, none (forgets), or both")
    kept.set_defaults(run=_memory)
    timed = commands.add_parser("latency", help="one question's passages, the model included")
    timed.add_argument("folder", type=Path, nargs="?", default=Path("docs"), metavar="FOLDER")
    timed.add_argument("--passages", type=int, default=5000, help="(default: %(default)s)")
    timed.add_argument("--sample", type=int, default=300, help="this many questions (default: %(default)s)")
    timed.set_defaults(run=_latency)
    many = commands.add_parser("scale", help="many real-size points in the embedded engine: loading, searches, memory")
    many.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="data sets whose texts are multiplied")
    many.add_argument("--kept", type=Path, required=True, metavar="DIR", help="the collection; the next run goes on")
    many.add_argument("--points", type=int, default=500_000, help="in hundred thousands (default: %(default)s)")
    many.set_defaults(run=_scale)
    served = commands.add_parser("serving", help="start, memory, uploads, streams while documents come in")
    served.set_defaults(run=_serving)
    costs = commands.add_parser("telemetry", help="what metrics, logs and traces cost a request")
    costs.add_argument("--rounds", type=int, default=40, help="how often (default: %(default)s)")
    costs.add_argument("--requests", type=int, default=60, help="of each variant in a round (default: %(default)s)")
    costs.set_defaults(run=_telemetry)
    added = commands.add_parser("overhead", help="what the service adds to the time to first token of its parts")
    added.add_argument("folder", type=Path, nargs="?", default=Path("docs"), metavar="FOLDER")
    added.add_argument("--streams", type=_numbers, default=[1, 4, 16, 64], help="answers at once, with commas")
    added.add_argument("--rounds", type=int, default=4, help="how often (default: %(default)s)")
    added.set_defaults(run=_overhead)
    for command in (taken_in, kept, timed, many, served, costs, added):
        add_json(command)


def _ingestion(arguments: argparse.Namespace, _: Settings) -> None:
    rounds = asyncio.run(_print_rounds(arguments))
    write_rows(rounds, arguments.json)
    print(ingestion.to_summary(rounds))


async def _print_rounds(arguments: argparse.Namespace) -> list[ingestion.Round]:
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


def _scale(arguments: argparse.Namespace, settings: Settings) -> None:
    rows = asyncio.run(_print_scale(arguments, settings))
    write_rows(rows, arguments.json)


async def _print_scale(arguments: argparse.Namespace, settings: Settings) -> list[Row]:
    arguments.kept.mkdir(parents=True, exist_ok=True)
    corpus = await scale.read_corpus(arguments.folders, settings)
    rows: list[Row] = []
    for steps in (
        scale.load(corpus, arguments.kept, points=arguments.points),
        scale.build_graph(corpus, arguments.kept),
    ):
        print(f"\n{scale.LOADING_HEADER}", flush=True)
        async for step in steps:
            print(step.to_row(), flush=True)
            rows.append(step)
        print(f"\n{SEARCHING_HEADER}", flush=True)
        for searched in scale.ask(arguments.kept):
            print(searched.to_row(), flush=True)
            rows.append(searched)
    return rows


def _serving(arguments: argparse.Namespace, settings: Settings) -> None:
    print_table(serving.HEADER, serving.measure_serving(settings.models_dir), arguments.json)


def _telemetry(arguments: argparse.Namespace, settings: Settings) -> None:
    costs, renderings = telemetry.measure_telemetry(
        settings.models_dir, rounds=arguments.rounds, requests=arguments.requests
    )
    print_table(telemetry.HEADER, costs, arguments.json)
    print()
    print_table(telemetry.RENDERING_HEADER, renderings, None)


def _overhead(arguments: argparse.Namespace, settings: Settings) -> None:
    write_rows(asyncio.run(_print_overheads(arguments, settings)), arguments.json)


async def _print_overheads(arguments: argparse.Namespace, settings: Settings) -> list[overhead.Overhead]:
    rows = []
    print(overhead.HEADER, flush=True)
    async for row in overhead.measure_overhead(
        arguments.folder, settings, streams=arguments.streams, rounds=arguments.rounds
    ):
        print(row.to_row(), flush=True)
        rows.append(row)
    return rows


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]
