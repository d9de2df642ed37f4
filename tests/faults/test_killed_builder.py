"""A writer that is killed while its graph is built leaves nobody at work for it."""

import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

WRITER = """
import asyncio, sys
from pathlib import Path
import numpy as np
import qdrant_edge as edge
from rag.store.shard import Shard

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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_writer_takes_the_builder_of_its_graph_along(tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "shard")], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout and writer.stdout.readline() == "filled\n"
    builder = _child_of(psutil.Process(writer.pid))
    deadline = time.monotonic() + 60
    while builder.cpu_times().user < 2:  # Its imports are behind it, and the graph of 20,000 points is not.
        assert time.monotonic() < deadline
        time.sleep(0.05)
    writer.kill()
    rest = writer.stdout.read()
    writer.wait(10)
    assert rest == ""
    assert _ends(builder, seconds=5)


def _ends(process: psutil.Process, *, seconds: float) -> bool:
    """Within that time; one that does not is ended here."""
    deadline = time.monotonic() + seconds
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:  # Not every first process reaps.
            if time.monotonic() > deadline:
                process.kill()
                return False
            time.sleep(0.02)
    return True


def _child_of(process: psutil.Process) -> psutil.Process:
    deadline = time.monotonic() + 30
    while not (children := process.children()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return children[0]
