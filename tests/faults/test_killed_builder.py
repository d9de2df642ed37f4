"""A writer that is killed while its graph is built leaves no process behind."""

import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from tests.support.waiting import wait_until

WRITER = """
import asyncio, sys
from pathlib import Path
import numpy as np
import qdrant_edge as edge
from rag.store.edge.shard import Shard

path = Path(sys.argv[1])
Shard.create(path, 384).close()
shard = edge.EdgeShard.load(str(path))
for block in range(20):
    vectors = np.random.default_rng(block).normal(size=(1000, 384))
    points = [edge.Point(block * 1000 + n, {"dense": vector.tolist()}, {}) for n, vector in enumerate(vectors)]
    shard.update(edge.UpdateOperation.upsert_points(points))
shard.close()
print("filled", flush=True)
asyncio.run(Shard.load(path).optimize())
print("built", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_the_graph_builder_dies_with_its_writer(tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "shard")], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout and writer.stdout.readline() == "filled\n"
    builder = _child_of(psutil.Process(writer.pid))
    # After two CPU-seconds its imports are done, and the graph of 20,000 points is not.
    wait_until(lambda: builder.cpu_times().user >= 2)
    builder.suspend()  # Suspended, so it cannot finish before this test looks.
    writer.kill()
    output = writer.stdout.read()
    writer.wait(60)
    assert output == ""
    try:
        wait_until(lambda: _has_ended(builder))
    finally:
        with suppress(psutil.NoSuchProcess):
            builder.kill()


def _has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # The first process of some containers does not reap orphans.
    except psutil.NoSuchProcess:
        return True


def _child_of(process: psutil.Process) -> psutil.Process:
    wait_until(process.children)
    return process.children()[0]
