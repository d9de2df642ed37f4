"""`python -m tests.drills.store`: lose nodes, restart them, restore, and rotate the key of Qdrant under a queue.

Without TEST_QDRANT_URL, three nodes of the stand-in answer as Qdrant 1.19 does. With it, real nodes answer:

  export TEST_QDRANT_URL=http://127.0.0.1:6333 TEST_QDRANT_API_KEY=first TEST_QDRANT_NEXT_API_KEY=second
  export TEST_QDRANT_NODES="127.0.0.1:6334 127.0.0.1:6344 127.0.0.1:6354"
  export TEST_QDRANT_KILL='docker kill qdrant-$NODE' TEST_QDRANT_START='docker start qdrant-$NODE'
  python -m tests.drills.store

$NODE counts from 0 in the order of TEST_QDRANT_NODES. Where a command is missing, this program says what to do, and
waits until a person or another program has done it. Every collection that it makes is removed at the end.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ingest.migration.export import export_onnx
from rag.embedding.weights import PACKAGED_MODEL, find_weights
from rag.errors import GroundworkError
from tests.drills.store.cluster import Cluster, Commands, open_real, open_stand_in
from tests.drills.store.scenarios import (
    faults_of,
    lose_a_node,
    restart_all,
    restore_often,
    rotate_the_key,
    start_writers,
)
from tests.support.servers.qdrant_server import NODES, URL, drop_collections, real_qdrant

# The key comes last, because only the next one is valid afterwards.
_SCENARIOS = ("writers", "lost-node", "restart", "restores", "key")
_DOCUMENTS = {"lost-node": 80, "restart": 150, "key": 150}
_ROUNDS = 5
_RESTORES = 10


def main() -> int:
    try:
        return asyncio.run(_run(_parse_arguments()))
    except GroundworkError as error:
        sys.stderr.write(f"{error.describe()}\nThe variables: python -m tests.drills.store --help\n")
        return 2


async def _run(arguments: argparse.Namespace) -> int:
    missed = 0
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        models = Path(folder) / "models"
        models.mkdir()
        weights = find_weights(PACKAGED_MODEL)
        export_onnx(weights, models / weights.onnx_name)
        for name in arguments.only or _SCENARIOS:
            data_dir = Path(folder) / name
            data_dir.mkdir()
            (data_dir / "models").symlink_to(models)
            async with _open_cluster(name) as cluster:
                if reason := _why_not(name, cluster):
                    sys.stdout.write(f"{name} on {cluster.parts}: not measured. {reason}\n")
                    continue
                faults, numbers = await _drill(name, cluster, data_dir, arguments)
            missed += bool(faults)
            said = "; ".join(faults) or "all goals reached"
            sys.stdout.write(f"{name} on {cluster.parts}: {said}. {numbers}\n")
            sys.stdout.flush()
    return 1 if missed else 0


@asynccontextmanager
async def _open_cluster(name: str) -> AsyncIterator[Cluster]:
    if URL is None:
        async with open_stand_in() as stand_in:
            yield stand_in
        return
    commands = Commands(
        kill=os.environ.get("TEST_QDRANT_KILL", ""),
        start=os.environ.get("TEST_QDRANT_START", ""),
        rotate=os.environ.get("TEST_QDRANT_ROTATE", ""),
        next_key=os.environ.get("TEST_QDRANT_NEXT_API_KEY", ""),
    )
    async with open_real(real_qdrant(f"drill-{name}"), NODES, commands) as cluster:
        try:
            yield cluster
        finally:
            await drop_collections(cluster.settings)


def _why_not(name: str, cluster: Cluster) -> str:
    """Return what is missing for a scenario, or ""."""
    if name in {"lost-node", "restart"} and len(cluster.nodes) < 3:
        return "It needs the gRPC addresses of three nodes in TEST_QDRANT_NODES."
    if name == "key" and URL and not os.environ.get("TEST_QDRANT_NEXT_API_KEY"):
        return "It needs the key after the rotation in TEST_QDRANT_NEXT_API_KEY."
    return ""


async def _drill(
    name: str, cluster: Cluster, data_dir: Path, arguments: argparse.Namespace
) -> tuple[list[str], object]:
    documents = arguments.documents or _DOCUMENTS.get(name, 0)
    match name:
        case "writers":
            writers, failed = await start_writers(cluster, rounds=_ROUNDS)
            return [f"{failed} writers failed"] if failed else [], f"{failed} of {writers} writers failed"
        case "restores":
            whole = await restore_often(cluster, data_dir, times=_RESTORES)
            return [] if whole == _RESTORES else ["copies are missing"], f"{whole} of {_RESTORES} restores are whole"
        case "lost-node":
            night = await lose_a_node(cluster, data_dir, documents=documents)
        case "restart":
            night = await restart_all(cluster, data_dir, documents=documents, away=arguments.away)
        case _:
            night = await rotate_the_key(cluster, data_dir, documents=documents, away=arguments.away)
    return [*faults_of(night)], night


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.drills.store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=_SCENARIOS, help="scenarios (default: all)")
    parser.add_argument("--documents", type=int, help="length of the queue (default: 80; restart and key: 150)")
    parser.add_argument(
        "--away", type=float, default=10, help="seconds that a restarted node is away (default: %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
