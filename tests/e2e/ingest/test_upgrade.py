"""`python -m ingest upgrade` as an operator runs it: before the new version starts, and beside the old one."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rag.errors import IndexMismatch
from rag.store.schema import SCHEMA
from tests.support.commands import run_command
from tests.support.programs import environment, failed_start, ingest, service
from tests.support.releases import RELEASES, unpack

pytestmark = pytest.mark.slow
EARLIER = [name for name in RELEASES if not name.startswith(f"schema-{SCHEMA}-")]


def next_version(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a version with a newer schema."""
    command = [sys.executable, "-m", "tests.support.fakes.next_version", *arguments]
    return subprocess.run(command, env=environment(data_dir), capture_output=True, text=True, check=False, timeout=300)


# The unit tests upgrade the data of every earlier version too, without starting programs.
@pytest.mark.parametrize(
    "name", [*(pytest.param(name, marks=pytest.mark.nightly) for name in EARLIER[:-1]), EARLIER[-1]]
)
def test_data_of_an_earlier_version_answers_as_before(name, tmp_path, onnx_models):
    release = unpack(name, tmp_path)
    (release.data_dir / "models").symlink_to(onnx_models)
    assert "Run `python -m ingest upgrade`" in failed_start(release.data_dir)
    with pytest.raises(IndexMismatch, match="Run `python -m ingest upgrade`"):
        run_command("status", data_dir=release.data_dir)
    upgraded = ingest("upgrade", data_dir=release.data_dir)
    assert (upgraded.returncode, upgraded.stdout.splitlines()[-1]) == (
        0,
        "Upgraded. Restart service and workers with this version.",
    )
    with service(release.data_dir, RAG_GENERATOR__KIND="none", RAG_PARSING__PROCESSES="1") as running:
        running.http.headers["Authorization"] = f"Bearer {release.key}"
        for question, passages in release.answers.items():
            answer = running.ask(question, mode="quote").json()
            assert [citation["text"] for citation in answer["citations"]] == passages
        # It waited in the inbox of the earlier version.
        running.wait_for_state("canteen.md", "ready")


def test_a_service_answers_while_the_next_version_upgrades_its_collection(data_dir, tmp_path):
    guide = tmp_path / "guide.md"
    guide.write_text("# Pump\n\nThe pump needs 12 litres of oil.\n")
    assert run_command("run", str(guide), data_dir=data_dir)[0] == 0
    with service(data_dir, RAG_WORKER="none", RAG_GENERATOR__KIND="none") as running:
        upgrading = threading.Thread(target=lambda: done.append(next_version("upgrade", data_dir=data_dir)))
        done: list[subprocess.CompletedProcess[str]] = []
        upgrading.start()
        statuses = [running.ask("How much oil does the pump need?").status_code]
        while upgrading.is_alive():
            time.sleep(0.1)  # Questions without a pause would take the processor from the upgrade.
            statuses.append(running.ask("How much oil does the pump need?").status_code)
        assert done[0].returncode == 0, done[0].stderr
        # The service refuses the new collection and keeps the one that it has open.
        answer = running.ask("How much oil does the pump need?").json()
        assert (set(statuses), answer["citations"][0]["title"]) == ({200}, "Pump")
    for command in ("status", "upgrade"):
        with pytest.raises(IndexMismatch, match="This program is older than its data"):
            run_command(command, data_dir=data_dir)
    rolled_back = next_version("reindex", "--rollback", data_dir=data_dir)
    assert "Start service and workers of the earlier version" in rolled_back.stdout
    assert run_command("upgrade", data_dir=data_dir)[1].endswith("Nothing to do.\n")
