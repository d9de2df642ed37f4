"""What works after `make setup`, without the packages that only tests and measurements use."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
_WITHOUT = """
import runpy, sys
sys.modules["matplotlib"] = sys.modules["psutil"] = None
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run_without(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT, *command], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_the_capacity_plan_is_printed():
    run = run_without("loadtests.capacity", "--users", "300")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("| users | chunks |")


@pytest.mark.parametrize("command", [("loadtests", "--help"), ("research", "capacity-check")])
def test_a_command_that_lacks_a_package_says_how_to_install_it(command):
    run = run_without(*command)
    assert run.returncode != 0
    assert "make setup-dev" in run.stderr
    assert "Traceback" not in run.stderr
