"""`python -m evals drift`, `reference`, `drift-documents` and `drift-power`."""

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
from evals.drift.reference import refer_to
from evals.drift.report import Nearest, describe, draw, find_nearest
from evals.drift.samples import Sample, read_samples
from rag.errors import IndexMismatch, Unavailable
from rag.store.factory import open_reader
from rag.types import Scope
from service.drift.reference import write_reference
from service.settings import Settings

EXAMPLES = """  python -m evals reference questions.jsonl                          what the service compares with
  python -m evals drift .data/drift/reference.npz today.jsonl --json drift.json
  python -m evals drift '.data/drift/windows/2026-11-17-*' '.data/drift/windows/2026-11-24-*'"""


def add_commands(commands: Commands) -> None:
    compared = commands.add_parser("drift", help="whether questions have changed, which ones, and what is near to them")
    compared.add_argument("reference", metavar="REFERENCE", help="questions as JSON lines, a reference, or windows")
    compared.add_argument("current", metavar="CURRENT", help="the same: a file, a folder of windows, or a pattern")
    compared.add_argument(
        "--looks",
        type=int,
        default=LOOKS,
        help="times a day that it is asked: each is the surer (default: %(default)s)",
    )
    compared.add_argument("--plot", type=Path, metavar="OUT", help="the picture (default: beside --json, or in .eval)")
    add_json(compared)
    compared.set_defaults(run=_drift)
    referred = commands.add_parser("reference", help="make the reference that the service counts questions against")
    referred.add_argument("questions", metavar="QUESTIONS", help="JSON lines, each asked once; or windows kept before")
    referred.add_argument("--out", type=Path, help="default: where the service reads it (RAG_DRIFT__REFERENCE)")
    referred.set_defaults(run=_reference)
    documents = commands.add_parser("drift-documents", help="whether what came in is unlike what was there")
    documents.add_argument("--against", type=Path, help="a snapshot (default: the previous revision)")
    documents.add_argument("--save", type=Path, help="keep a snapshot of what is there now, and compare nothing")
    add_json(documents)
    documents.set_defaults(run=_documents)
    for command in (compared, referred):
        command.add_argument("--tenant", default="default", help="whose documents are searched (default: %(default)s)")


def _drift(arguments: argparse.Namespace, settings: Settings) -> None:
    reference, current = asyncio.run(read_samples([arguments.reference, arguments.current], settings))
    comparison = compare_samples(reference, current, looks=arguments.looks)
    nearest = asyncio.run(_find_nearest(current, comparison, settings, tenant=arguments.tenant))
    print(describe(comparison, current, nearest, relevant=settings.retrieval.min_similarity))
    if arguments.json:
        arguments.json.write_text(json.dumps(comparison.to_json(), indent=1), encoding="utf-8")
    plot = arguments.plot or (arguments.json or Path(".eval/drift.json")).with_suffix(".svg")
    draw(comparison, reference, current, plot)
    print(f"\n{plot} shows them.")


async def _find_nearest(
    current: Sample, comparison: DriftComparison, settings: Settings, *, tenant: str
) -> list[Nearest]:
    """Nothing where there is no collection, or one of another embedder: the change is told without it too."""
    try:
        async with open_reader(settings.store, current.embedder, root=settings.store_dir) as store:
            return await find_nearest(store, Scope(tenant=tenant), current, comparison.moved.tolist())
    except (IndexMismatch, Unavailable) as error:
        print(f"The collection was not searched: {error}")
        return []


def _reference(arguments: argparse.Namespace, settings: Settings) -> None:
    path = arguments.out or settings.drift_reference
    reference = asyncio.run(refer_to(arguments.questions, settings, tenant=arguments.tenant))
    write_reference(reference, path)
    print(f"{path}: reference {reference.id} of {len(reference.vectors)} questions")
    for feature, bins in reference.bins.items():
        print(f"  {feature}: {bins.count} values in {len(bins.ratios)} bins")


def _documents(arguments: argparse.Namespace, settings: Settings) -> None:
    now = asyncio.run(read_current(settings))
    if arguments.save:
        write_snapshot(now, arguments.save)
        print(f"{arguments.save}: {len(now.vectors)} passages")
        return
    before = read_snapshot(arguments.against) if arguments.against else asyncio.run(read_previous(settings))
    growth = compare_snapshots(before, now)
    print(f"{growth.added} passages added, {growth.removed} removed, {growth.kept} kept")
    print(f"{growth.unknown_words:.1%} of the collection's words are new")
    likeness = "are unlike those before" if growth.drifted else "are not shown to be unlike those before"
    print(f"The {growth.documents} documents that came in or changed {likeness}: p = {growth.shift.p_value:.4f},")
    print(f"AUC {growth.separation.auc:.3f}, MMD² {growth.shift.mmd:.5f}, PSI {growth.psi:.3f}", end=" ")
    print(f"(of chance alone {growth.psi_by_chance:.3f} on average). Strangest first:")
    print("\n".join(f"- {uri}" for uri in growth.strangest))
    if arguments.json:
        arguments.json.write_text(json.dumps(growth.to_json(), indent=1), encoding="utf-8")
