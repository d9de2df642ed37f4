"""`python -m research chunkers`: all of it, from the folder to the report."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from evals.commands import Commands, add_json
from rag.embedding.factory import build_tokenizer, open_embedder
from rag.errors import InvalidInput
from rag.http import open_session
from rag.settings import KernelSettings
from research.chunkers.benchmark import read_benchmark
from research.chunkers.chunkers import build_chunkers
from research.chunkers.measurement import ChunkingResult, measure_chunking
from research.chunkers.report import (
    PUBLISHED,
    draw,
    to_best,
    to_choice,
    to_corpora,
    to_differences,
    to_reproduction,
    to_table,
    write_report,
)
from research.chunkers.selection import choose, leave_one_out

EXAMPLES = """  python -m research chunkers chunking --json chunking.json             compares chunkers"""


def add_commands(commands: Commands) -> None:
    cut = commands.add_parser("chunkers", help="chunkers by how much of what answers they bring, and how much else")
    cut.add_argument("folder", type=Path, metavar="FOLDER", help="corpora/*.md and questions_df.csv, as Chroma's")
    cut.add_argument("--only", action="append", metavar="CHUNKER", help="such as 'structure 128'; may be repeated")
    cut.add_argument("--report", type=Path, metavar="FILE", help="write the tables between its marks, and the plot")
    add_json(cut)
    cut.set_defaults(run=_chunking)


def _chunking(arguments: argparse.Namespace, settings: KernelSettings) -> None:
    results = asyncio.run(_measure(arguments.folder, settings, arguments.only))
    figures = to_figures(results)
    print(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps({result.name: result.to_json() for result in results}, indent=1))
    if arguments.report:
        write_report(figures, arguments.report)
        draw(results, arguments.report.parent / "images" / f"{arguments.report.stem}.svg")


async def _measure(folder: Path, settings: KernelSettings, only: Sequence[str] | None) -> list[ChunkingResult]:
    chunkers = build_chunkers(build_tokenizer(settings.embedder))
    if unknown := set(only or ()) - chunkers.keys():
        raise InvalidInput(f"There is no chunker {', '.join(sorted(unknown))}; there are {', '.join(chunkers)}.")
    benchmark = read_benchmark(folder)
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
    ):
        wanted = {name: cut for name, cut in chunkers.items() if only is None or name in only}
        return await measure_chunking(benchmark, wanted, embedder, cache=settings.data_dir / "vectors")


def to_figures(results: Sequence[ChunkingResult]) -> str:
    hybrid = [result for result in results if result.mode == "hybrid"]
    # What a query stitches is measured beside the product's chunkers and not chosen: they cut what is stored.
    own = [result for result in hybrid if result.chunker.startswith("structure")] or hybrid
    best = choose(own, sorted(set(own[0].corpora)))
    parts = {
        "Five passages": to_table(results),
        "The most recall at a precision of 6 % or more": to_best(results),
        "Against the others": to_differences(best, results),
        "By corpus": to_corpora(best),
    }
    if len(set(own[0].corpora)) > 1:
        parts["Selection without looking"] = to_choice(leave_one_out(own))
    if set(PUBLISHED) <= {result.chunker for result in results}:
        parts = {"Published figures": to_reproduction(results)} | parts
    return "\n\n".join(f"## {title}\n\n{table}" for title, table in parts.items())
