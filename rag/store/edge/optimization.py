"""Builds the search graph of a shard in a process of its own."""

import subprocess
import sys
from pathlib import Path

from rag.errors import Unavailable

_OPTIMIZE = """
import ctypes, signal, sys
import qdrant_edge

if sys.platform == "linux":
    # If the writer is killed, this process must end too, or it would use memory and cores for nothing.
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
shard = qdrant_edge.EdgeShard.load(sys.argv[1])
shard.optimize()
shard.close()
"""


def optimize(path: Path) -> None:
    """Build the graph and remove deleted points; raises `Unavailable` if the process fails."""
    done = subprocess.run([sys.executable, "-c", _OPTIMIZE, str(path)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().rpartition("\n")[2]
        raise Unavailable(
            f"The embedded store could not build its search graph (status {done.returncode}).", upstream=reason
        )
