"""`python -m evals drift-power`."""

import argparse
import asyncio
from pathlib import Path

import numpy as np

from evals.commands import Commands
from evals.drift import power
from evals.drift.streams import REPORTED, Pools, embed_pools
from rag.embedding.factory import open_embedder
from rag.http import open_session
from service.settings import Settings

EXAMPLES = """  python -m evals drift-power ~/datasets --out .eval/drift           how soon which change is noticed"""
_EVIDENTLY = Path(".venv-evidently/bin/python")


def add_commands(commands: Commands) -> None:
    found = commands.add_parser("drift-power", help="false alarms, power and delay over streams of real questions")
    found.add_argument("folder", type=Path, metavar="FOLDER", help="holds scifact, clapnq-dev, xquad-en and cranfield")
    found.add_argument("--streams", type=int, default=60, help="days with a change, of each mix (default: 60)")
    found.add_argument("--unchanged", type=int, default=200, help="days without one, of each base (default: 200)")
    found.add_argument("--only", nargs="*", help="measure these conditions and report nothing, such as scifact@0")
    found.add_argument("--evidently", type=Path, help="python of its environment (default: make setup-evidently's)")
    found.add_argument("--out", type=Path, default=Path(".eval/drift"), help="default: %(default)s")
    found.set_defaults(run=_power)


def _power(arguments: argparse.Namespace, settings: Settings) -> None:
    pools = _read_pools(arguments.folder, arguments.out / "vectors.npz", settings)
    python = arguments.evidently or (_EVIDENTLY if _EVIDENTLY.exists() else None)
    bases = {mix.base for mix in REPORTED}
    for mix, share in power.conditions():
        if not arguments.only or power.name_of(mix, share) in arguments.only:
            streams = arguments.streams if share else arguments.unchanged
            beside = power.Beside(python=python, streams=streams // 2) if python and mix.base in bases else None
            power.measure(pools, mix, share, streams=streams, beside=beside, folder=arguments.out)


def _read_pools(folder: Path, kept: Path, settings: Settings) -> Pools:
    if not kept.exists():
        pools = asyncio.run(_embed(folder, settings))
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            kept,
            allow_pickle=False,
            vectors=pools.vectors,
            **{f"rows {name}": rows for name, rows in pools.rows.items()},
        )
    with np.load(kept) as found:
        rows = {name.removeprefix("rows "): found[name] for name in found.files if name != "vectors"}
        return Pools(found["vectors"], rows)


async def _embed(folder: Path, settings: Settings) -> Pools:
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
    ):
        return await embed_pools(folder, embedder)
