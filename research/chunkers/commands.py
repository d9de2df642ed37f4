"""`python -m research chunkers`."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from evals.collection import open_configured_embedder
from evals.commands import Commands, add_json
from rag.embedding.tokenizer import build_tokenizer
from rag.errors import InvalidInput
from rag.settings import KernelSettings
from research.chunkers.benchmark import read_benchmark
from research.chunkers.chunkers import build_chunkers
from research.chunkers.measurement import ChunkingResult, measure_chunking
from research.chunkers.report import (
    PUBLISHED,
    find_plot,
    plot,
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
    command = commands.add_parser("chunkers", help="compare chunkers by recall and precision of the retrieved text")
    command.add_argument(
        "folder", type=Path, metavar="FOLDER", help="folder with corpora/*.md and questions_df.csv in Chroma's format"
    )
    command.add_argument(
        "--only",
        action="append",
        metavar="CHUNKER",
        help="measure this chunker only, such as 'structure 128'; may be repeated",
    )
    command.add_argument("--report", type=Path, metavar="FILE", help="Markdown page whose tables and plot are replaced")
    add_json(command)
    command.set_defaults(run=_chunking)


def _chunking(arguments: argparse.Namespace, settings: KernelSettings) -> None:
    results = asyncio.run(_measure(arguments.folder, settings, arguments.only))
    figures = to_figures(results)
    print(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps({result.name: result.to_json() for result in results}, indent=1))
    if arguments.report:
        write_report(figures, arguments.report)
        plot(results, find_plot(arguments.report))


async def _measure(folder: Path, settings: KernelSettings, only: Sequence[str] | None) -> list[ChunkingResult]:
    chunkers = build_chunkers(build_tokenizer(settings.embedder))
    if unknown := set(only or ()) - chunkers.keys():
        raise InvalidInput(f"--only: unknown chunker {', '.join(sorted(unknown))}. Choose from {', '.join(chunkers)}.")
    benchmark = read_benchmark(folder)
    async with open_configured_embedder(settings) as embedder:
        wanted = {name: cut for name, cut in chunkers.items() if only is None or name in only}
        return await measure_chunking(benchmark, wanted, embedder, cache=settings.data_dir / "vectors")


def to_figures(results: Sequence[ChunkingResult]) -> str:
    hybrid = [result for result in results if result.mode == "hybrid"]
    # Only the product's own chunkers can be selected. Sentence windows are assembled at query time, for comparison.
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
