"""`python -m tests.drills.rolling`: replace and kill processes under load and report the failures."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from ingest.migration.export import export_onnx
from rag.embedding.weights import PACKAGED_MODEL, find_weights
from tests.drills.rolling import haproxy
from tests.drills.rolling.killing import kill_redis, kill_replicas, kill_workers
from tests.drills.rolling.report import to_markdown
from tests.drills.rolling.rolling import DELAY_SECONDS, open_replicas, roll
from tests.support.servers import redis_server

_CLAIM_SECONDS = 30.0


def main() -> int:
    arguments = _parse_arguments()
    for program, binary in (("haproxy", haproxy.BINARY), ("redis-server", redis_server.BINARY)):
        if binary is None:
            sys.stderr.write(f"{program} is not installed. On Debian: apt-get install {program}\n")
            return 1
    with tempfile.TemporaryDirectory(prefix="models-") as folder:
        weights = find_weights(PACKAGED_MODEL)
        export_onnx(weights, Path(folder) / weights.onnx_name)
        page, failed = asyncio.run(_measure(Path(folder), arguments))
    if arguments.report:
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        arguments.report.write_text(page, encoding="utf-8")
    else:
        sys.stdout.write(page)
    return 1 if failed else 0


async def _measure(models: Path, given: argparse.Namespace) -> tuple[str, int]:
    """Return the page and the number of streams that failed during the update with the drain delay."""
    rolled = {}
    for delay in (DELAY_SECONDS, 0):
        versions = given.replacements + 1
        async with open_replicas(models, versions=versions, RAG_DRAIN_DELAY_SECONDS=str(delay)) as replicas:
            rolled[delay] = await roll(replicas, replacements=given.replacements, rate=given.rate)
    async with open_replicas(models) as replicas:
        replica_kills = await kill_replicas(replicas, kills=given.kills, rate=given.rate)
    killed = {
        "a replica of two": replica_kills,
        "Redis": await kill_redis(models, kills=given.kills, rate=given.rate),
        "the worker": await kill_workers(models, kills=given.kills, rate=given.rate, claim_seconds=_CLAIM_SECONDS),
    }
    return to_markdown(rolled, killed), rolled[DELAY_SECONDS].reasons.total()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drills.rolling", description=__doc__)
    parser.add_argument("--report", type=Path, help="Markdown file to write (default: print the page)")
    parser.add_argument(
        "--replacements", type=int, default=10, help="number of replaced replicas (default: %(default)s)"
    )
    parser.add_argument(
        "--kills", type=int, default=5, help="number of kills for each kind of process (default: %(default)s)"
    )
    parser.add_argument("--rate", type=float, default=4, help="requested streams per second (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
