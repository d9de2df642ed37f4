"""`python -m evals drift`, `reference` and `drift-documents`."""

import argparse
import asyncio
import json
from pathlib import Path

from evals.commands import Commands, add_json
from evals.drift.comparison import LOOKS, DriftComparison, compare_samples
from evals.drift.documents import (
    compare_snapshots,
    read_current,
    read_previous,
    read_snapshot,
    write_snapshot,
)
from evals.drift.reference import build_reference_from
from evals.drift.report import Nearest, describe, find_nearest, plot_samples
from evals.drift.samples import Sample, read_samples
from rag.errors import IndexMismatch, Unavailable
from rag.store.factory import build_backend
from rag.types import Scope
from service.drift.reference import write_reference
from service.settings import Settings

EXAMPLES = """  python -m evals reference questions.jsonl                          writes the reference of the service
  python -m evals drift .data/drift/reference.npz today.jsonl --json drift.json
  python -m evals drift '.data/drift/windows/2026-11-17-*' '.data/drift/windows/2026-11-24-*'"""


def add_commands(commands: Commands) -> None:
    drift = commands.add_parser(
        "drift", help="test whether questions have changed, and show the changed ones with their nearest documents"
    )
    drift.add_argument(
        "reference",
        metavar="REFERENCE",
        help="questions as JSON lines, a reference file, or windows that the service stored",
    )
    drift.add_argument(
        "current", metavar="CURRENT", help="the same formats: a file, a folder of windows, or a file pattern"
    )
    drift.add_argument(
        "--looks",
        type=int,
        default=LOOKS,
        help="tests per day; more tests make each one stricter (default: %(default)s)",
    )
    drift.add_argument(
        "--plot", type=Path, metavar="OUT", help="file of the plot (default: next to --json, or in .eval)"
    )
    add_json(drift)
    drift.set_defaults(run=_drift)
    reference = commands.add_parser("reference", help="write the reference with which the service compares questions")
    reference.add_argument(
        "questions", metavar="QUESTIONS", help="questions as JSON lines, which are answered once, or stored windows"
    )
    reference.add_argument(
        "--out", type=Path, help="output file (default: the file that the service reads, RAG_DRIFT__REFERENCE)"
    )
    reference.set_defaults(run=_reference)
    documents = commands.add_parser("drift-documents", help="test whether new documents differ from the previous ones")
    documents.add_argument("--against", type=Path, help="snapshot to compare with (default: the previous revision)")
    documents.add_argument("--save", type=Path, help="write a snapshot of the collection instead of comparing")
    add_json(documents)
    documents.set_defaults(run=_documents)
    for command in (drift, reference):
        command.add_argument(
            "--tenant", default="default", help="tenant whose documents are searched (default: %(default)s)"
        )


def _drift(arguments: argparse.Namespace, settings: Settings) -> None:
    reference, current = asyncio.run(read_samples([arguments.reference, arguments.current], settings))
    comparison = compare_samples(reference, current, looks=arguments.looks)
    nearest = asyncio.run(_find_nearest(current, comparison, settings, tenant=arguments.tenant))
    print(describe(comparison, current, nearest, relevant=settings.retrieval.min_similarity))
    if arguments.json:
        arguments.json.write_text(json.dumps(comparison.to_json(), indent=1), encoding="utf-8")
    plot = arguments.plot or (arguments.json or Path(".eval/drift.json")).with_suffix(".svg")
    plot_samples(comparison, reference, current, plot)
    print(f"\nThe plot is in {plot}.")


async def _find_nearest(
    current: Sample, comparison: DriftComparison, settings: Settings, *, tenant: str
) -> list[Nearest]:
    """Return the nearest passages. Without a matching collection, print why and return none: drift is known anyway."""
    try:
        async with build_backend(settings.store, root=settings.store_dir).open_reader(current.embedder) as store:
            return await find_nearest(store, Scope(tenant=tenant), current, comparison.moved.tolist())
    except (IndexMismatch, Unavailable) as error:
        print(f"The collection was not searched: {error}")
        return []


def _reference(arguments: argparse.Namespace, settings: Settings) -> None:
    path = arguments.out or settings.drift_reference
    reference = asyncio.run(build_reference_from(arguments.questions, settings, tenant=arguments.tenant))
    write_reference(reference, path)
    print(f"{path}: reference {reference.id} of {len(reference.vectors)} questions")
    for feature, bins in reference.bins.items():
        print(f"  {feature}: {bins.count} values in {len(bins.ratios)} bins")


def _documents(arguments: argparse.Namespace, settings: Settings) -> None:
    current = asyncio.run(read_current(settings))
    if arguments.save:
        write_snapshot(current, arguments.save)
        print(f"{arguments.save}: {len(current.vectors)} passages")
        return
    previous = read_snapshot(arguments.against) if arguments.against else asyncio.run(read_previous(settings))
    change = compare_snapshots(previous, current)
    print(f"{change.added} passages added, {change.removed} removed, {change.kept} kept")
    print(f"{change.unknown_words:.1%} of the collection's words are new")
    result = "differ from the earlier ones" if change.drifted else "do not measurably differ from the earlier ones"
    print(f"The {change.documents} new or changed documents {result}: p = {change.shift.p_value:.4f},")
    print(f"AUC {change.separation.auc:.3f}, MMD² {change.shift.mmd:.5f}, PSI {change.psi:.3f}", end=" ")
    print(f"(expected by chance: {change.psi_by_chance:.3f}). Least similar first:")
    print("\n".join(f"- {uri}" for uri in change.least_similar))
    if arguments.json:
        arguments.json.write_text(json.dumps(change.to_json(), indent=1), encoding="utf-8")
