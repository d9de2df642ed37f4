"""`python -m research drift-power`."""

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from evals.commands import Commands, print_table
from rag.embedding.factory import open_embedder
from rag.http import open_session
from research.drift_power import curves, power
from research.drift_power.streams import CHOSEN_ON, REPORTED, Pools, embed_pools, groups_of
from service.settings import Settings

EXAMPLES = "  python -m research drift-power ~/datasets --out .eval/drift        how soon which change is noticed"
_EVIDENTLY = Path(".venv-evidently/bin/python")


def add_commands(commands: Commands) -> None:
    found = commands.add_parser("drift-power", help="false alarms, power and delay over streams of real questions")
    found.add_argument("folder", type=Path, metavar="FOLDER", help="holds scifact, clapnq-dev, xquad-en and cranfield")
    found.add_argument("--streams", type=int, default=75, help="days with a change, of each mix (default: 75)")
    found.add_argument("--unchanged", type=int, default=600, help="days without one, of each base (default: 600)")
    found.add_argument("--only", nargs="*", help="measure these conditions and report nothing, such as scifact@0")
    found.add_argument("--evidently", type=Path, help="python of its environment (default: make setup-evidently's)")
    found.add_argument(
        "--out",
        type=Path,
        default=Path(".eval/drift"),
        help="what it holds is not measured again",
    )
    found.set_defaults(run=_power)


def _power(arguments: argparse.Namespace, settings: Settings) -> None:
    pools = _read_pools(arguments.folder, arguments.out / "vectors.npz", settings)
    python = arguments.evidently or (_EVIDENTLY if _EVIDENTLY.exists() else None)
    wanted = [it for it in power.conditions() if not arguments.only or power.name_of(*it) in arguments.only]
    scores: dict[str, power.Scores] = {}
    for mix, share in wanted:
        streams = arguments.streams if share else arguments.unchanged
        beside = power.beside(python, mix, share) if python else None
        measured = power.measure(pools, mix, share, streams=streams, beside=beside, folder=arguments.out)
        scores[power.name_of(mix, share)] = measured
    if not arguments.only:
        _report_power(scores, arguments.out)
        groups = groups_of(arguments.folder / power.BURSTS)
        bursts = power.measure_bursts(pools, groups, streams=arguments.streams, folder=arguments.out)
        alarms = bursts[f"{power.OURS} alarms"].any(axis=1).mean()
        print(f"\n{power.BURSTS} in bursts of one paragraph, unchanged: {alarms:.1%} of the days had an alarm")


def _report_power(scores: Mapping[str, power.Scores], folder: Path) -> None:
    for title, mixes in (("Reported", REPORTED), ("Selection on", CHOSEN_ON)):
        days = [
            (mix, share, scores[power.name_of(mix, 0)], scores[power.name_of(mix, share)])
            for mix in mixes
            for share in power.SHARES
        ]
        print(f"\n## {title}, as shipped\n")
        print_table(curves.HEADER, [row for it in days for row in curves.judge_shipped(*it)])
        print(f"\n## {title}, all at the same false alarms\n")
        print_table(curves.HEADER, [row for it in days for row in curves.judge_alike(*it)])
    for share in power.SHARES:
        pairs = [(scores[power.name_of(mix, 0)], scores[power.name_of(mix, share)]) for mix in REPORTED]
        path = folder / f"drift-roc-{share * 100:.0f}.svg"
        curves.draw_roc(pairs, path, title=f"{share:.0%} of the questions are from elsewhere")
        print(f"\n{path}")


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
