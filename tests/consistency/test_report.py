"""The report's errors say what to do."""

import subprocess
import sys

from tests.support.redis_server import free_port


def report(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dashboards.report", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_prometheus_that_is_not_there_is_said_with_what_to_do(tmp_path):
    said = report("--prometheus", f"http://127.0.0.1:{free_port()}", "--out", str(tmp_path / "out"))
    assert said.returncode == 1
    assert "make report PROMETHEUS=" in said.stderr
    assert not (tmp_path / "out").exists()


def test_a_length_of_time_that_is_none_is_refused():
    said = report("--since", "yesterday")
    assert said.returncode == 2
    assert "it looks like 30m, 6h or 7d" in said.stderr
