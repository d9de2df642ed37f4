"""`python -m tests.drills.store`: lose nodes, restart them and rotate the key of Qdrant under a queue.

Without --url, the stand-in server answers as Qdrant 1.19 does. With --url, real nodes answer, and commands kill them:

  python -m tests.drills.store --url http://127.0.0.1:6333 --nodes 127.0.0.1:6334 127.0.0.1:6344 127.0.0.1:6354 \\
    --kill './node.sh kill $NODE' --start './node.sh start $NODE'
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from ingest.migration.export import export_onnx
from rag.embedding.weights import PACKAGED_MODEL, find_weights
from rag.settings import ServerStoreSettings
from tests.drills.store.cluster import Cluster, RealCluster, StandIn, open_stand_in
from tests.drills.store.scenarios import (
    Night,
    faults_of,
    lose_a_node,
    restart_all,
    rotate_the_key,
    start_six_writers,
)

_SCENARIOS = ("lost-node", "restart", "key", "writers")


def main() -> int:
    return asyncio.run(_run(_parse_arguments()))


async def _run(arguments: argparse.Namespace) -> int:
    missed = 0
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        models = Path(folder) / "models"
        models.mkdir()
        weights = find_weights(PACKAGED_MODEL)
        export_onnx(weights, models / weights.onnx_name)
        for name in arguments.only or _SCENARIOS:
            async with AsyncExitStack() as stack:
                cluster = (
                    _to_real(arguments, name) if arguments.url else await stack.enter_async_context(open_stand_in())
                )
                data_dir = Path(folder) / name
                data_dir.mkdir()
                (data_dir / "models").symlink_to(models)
                missed += bool(await _drill(name, cluster, data_dir, arguments))
    return 1 if missed else 0


async def _drill(name: str, cluster: Cluster, data_dir: Path, arguments: argparse.Namespace) -> list[str]:
    parts = "the stand-in" if isinstance(cluster, StandIn) else "real nodes"
    night: Night | None = None
    match name:
        case "writers":
            failed = await start_six_writers(cluster, rounds=5)
            missed = [f"{failed} of 30 writers failed"] if failed else []
        case "key":
            night = await rotate_the_key(cluster, data_dir, documents=arguments.documents, away=arguments.away)
            missed = [*faults_of(night, may_fail=True)]
        case _:
            drill = lose_a_node if name == "lost-node" else restart_all
            if isinstance(cluster, StandIn):
                cluster.restarts = name == "restart"
            night = await drill(cluster, data_dir, documents=arguments.documents, away=arguments.away)
            # The stand-in is one node, so a restart of it cannot be hidden from questions.
            missed = [*faults_of(night, may_fail=isinstance(cluster, StandIn))]
    sys.stdout.write(f"{name} on {parts}: {', '.join(missed) or 'all goals reached'}. {night or ''}\n")
    return missed


def _to_real(arguments: argparse.Namespace, name: str) -> RealCluster:
    settings = ServerStoreSettings(
        kind="server",
        url=arguments.url,
        grpc_port=arguments.grpc_port,
        api_key=arguments.key,
        collection=f"drill-{name}",
        nodes=max(1, len(arguments.nodes)),
    )
    return RealCluster(
        settings=settings,
        nodes=arguments.nodes,
        kill=arguments.kill,
        start=arguments.start,
        rotate_command=arguments.rotate,
        next_key=arguments.next_key,
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.drills.store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=_SCENARIOS, help="scenarios (default: all)")
    parser.add_argument("--documents", type=int, default=80, help="length of the queue (default: %(default)s)")
    parser.add_argument("--away", type=float, default=20, help="seconds that a node is away (default: %(default)s)")
    parser.add_argument("--url", help="REST address of a real cluster (default: the stand-in)")
    parser.add_argument("--grpc-port", type=int, default=6334, help="gRPC port of --url (default: %(default)s)")
    parser.add_argument(
        "--nodes", nargs="*", default=[], metavar="HOST:GRPC_PORT", help="every node, to compare copies"
    )
    parser.add_argument("--key", help="API key of the cluster")
    parser.add_argument("--next-key", default="", help="API key after --rotate")
    parser.add_argument("--kill", default="exit 1", help="shell command that kills node $NODE, from 0")
    parser.add_argument("--start", default="exit 1", help="shell command that starts node $NODE and waits for it")
    parser.add_argument("--rotate", default="exit 1", help="shell command that makes --next-key the only valid key")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
