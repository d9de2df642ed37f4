"""`python -m research drift-power`."""

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from evals.collection import open_configured_embedder
from evals.commands import Commands, print_table
from research.drift_power import curves, power
from research.drift_power.streams import CHOSEN_ON, REPORTED, Pools, embed_pools, groups_of
from service.settings import Settings

EXAMPLES = "  python -m research drift-power ~/datasets --out .eval/drift        measures power and delay"
_EVIDENTLY = Path(".venv-evidently/bin/python")


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "drift-power", help="measure false alarms, power and delay on streams of real questions"
    )
    command.add_argument(
        "folder", type=Path, metavar="FOLDER", help="folder with scifact, clapnq-dev, xquad-en and cranfield"
    )
    command.add_argument("--streams", type=int, default=75, help="changed days per mix (default: %(default)s)")
    command.add_argument(
        "--unchanged", type=int, default=600, help="unchanged days per base set (default: %(default)s)"
    )
    command.add_argument(
        "--only", nargs="*", help="measure these conditions only, such as scifact@0, and print no report"
    )
    command.add_argument(
        "--evidently", type=Path, help="Python of evidently's environment (default: the one of `make setup-evidently`)"
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path(".eval/drift"),
        help="folder of the scores; existing ones are not measured again (default: %(default)s)",
    )
    command.set_defaults(run=_power)


def _power(arguments: argparse.Namespace, settings: Settings) -> None:
    pools = _read_pools(arguments.folder, arguments.out / "vectors.npz", settings)
    python = arguments.evidently or (_EVIDENTLY if _EVIDENTLY.exists() else None)
    conditions = [
        (mix, share)
        for mix, share in power.conditions()
        if not arguments.only or power.name_of(mix, share) in arguments.only
    ]
    scores: dict[str, power.Scores] = {}
    for mix, share in conditions:
        streams = arguments.streams if share else arguments.unchanged
        evidently = power.plan_evidently(python, mix, share) if python else None
        measured = power.measure(pools, mix, share, streams=streams, evidently=evidently, folder=arguments.out)
        scores[power.name_of(mix, share)] = measured
    if not arguments.only:
        _report_power(scores, arguments.out)
        groups = groups_of(arguments.folder / power.BURSTS)
        bursts = power.measure_bursts(pools, groups, streams=arguments.streams, folder=arguments.out)
        alarms = bursts[f"{power.OURS} alarms"].any(axis=1).mean()
        print(f"\n{power.BURSTS} in bursts of one paragraph, unchanged: an alarm on {alarms:.1%} of the days")


def _report_power(scores: Mapping[str, power.Scores], folder: Path) -> None:
    for title, mixes in (("Reported mixes", REPORTED), ("Mixes used to build the test", CHOSEN_ON)):
        days = [
            (mix, share, scores[power.name_of(mix, 0)], scores[power.name_of(mix, share)])
            for mix in mixes
            for share in power.SHARES
        ]
        print(f"\n## {title}: default thresholds\n")
        print_table(curves.HEADER, [row for day in days for row in curves.judge_defaults(*day)])
        print(f"\n## {title}: equal false alarms\n")
        print_table(curves.HEADER, [row for day in days for row in curves.judge_at_equal_false_alarms(*day)])
    for share in power.SHARES:
        pairs = [(scores[power.name_of(mix, 0)], scores[power.name_of(mix, share)]) for mix in REPORTED]
        path = folder / f"drift-roc-{share * 100:.0f}.svg"
        curves.plot_roc(pairs, path, title=f"{share:.0%} of the questions are from another set")
        print(f"\n{path}")


def _read_pools(folder: Path, cache: Path, settings: Settings) -> Pools:
    if not cache.exists():
        pools = asyncio.run(_embed(folder, settings))
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            cache,
            allow_pickle=False,
            vectors=pools.vectors,
            **{f"rows {name}": rows for name, rows in pools.rows.items()},
        )
    with np.load(cache) as file:
        rows = {name.removeprefix("rows "): file[name] for name in file.files if name != "vectors"}
        return Pools(file["vectors"], rows)


async def _embed(folder: Path, settings: Settings) -> Pools:
    async with open_configured_embedder(settings) as embedder:
        return await embed_pools(folder, embedder)
