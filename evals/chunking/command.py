"""`python -m evals chunking`: all of it, from the folder to the report."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from evals.chunking.benchmark import read_benchmark
from evals.chunking.choosing import choose, leave_one_out
from evals.chunking.chunkers import build_chunkers
from evals.chunking.measuring import Result, measure_chunking
from evals.chunking.reporting import (
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
from rag.embedding.factory import build_tokenizer, open_embedder
from rag.errors import InvalidInput
from rag.http import open_session
from rag.settings import KernelSettings


def measure_and_report(
    folder: Path, settings: KernelSettings, *, only: Sequence[str] | None, report: Path | None, target: Path | None
) -> str:
    """What is to be shown; `report` and `target` are written besides."""
    results = asyncio.run(_measure(folder, settings, only))
    figures = to_figures(results)
    if target:
        target.write_text(json.dumps({result.name: result.to_json() for result in results}, indent=1))
    if report:
        write_report(figures, report)
        draw(results, report.parent / "images" / f"{report.stem}.svg")
    return figures


async def _measure(folder: Path, settings: KernelSettings, only: Sequence[str] | None) -> list[Result]:
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


def to_figures(results: Sequence[Result]) -> str:
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
        parts["Chosen without looking"] = to_choice(leave_one_out(own))
    if set(PUBLISHED) <= {result.chunker for result in results}:
        parts = {"Published figures": to_reproduction(results)} | parts
    return "\n\n".join(f"## {title}\n\n{table}" for title, table in parts.items())
