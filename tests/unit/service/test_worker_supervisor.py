"""The start of the ingest worker as a child process."""

import os
import subprocess
import sys
from functools import partial

import pytest

from service.worker_supervisor import _prepare_child

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a process when its parent dies")
def test_a_worker_does_not_start_if_its_service_was_killed_before_prctl():
    def status(parent: int) -> int:
        return subprocess.run(["true"], preexec_fn=partial(_prepare_child, parent), check=False).returncode

    assert status(os.getpid()) == 0
    assert status(os.getppid()) == 1
