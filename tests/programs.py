"""`python -m evals` as a user starts it; the two programs stand in `evals.performance.programs`."""

import subprocess
import sys
from pathlib import Path

from evals.performance.programs import environment

_SECONDS = 300


def evals(*arguments: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evals", *arguments],
        env=environment(data_dir, **settings),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
