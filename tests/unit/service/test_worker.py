"""The worker that the service starts: how it begins."""

import os
import subprocess
import sys
from functools import partial

import pytest

from service.worker import _step_back

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_worker_whose_service_was_killed_before_it_could_be_told_of_it_does_not_begin():
    def status(parent: int) -> int:
        return subprocess.run(["true"], preexec_fn=partial(_step_back, parent), check=False).returncode

    assert status(os.getpid()) == 0
    assert status(os.getppid()) == 1
