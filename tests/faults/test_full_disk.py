"""A full disk: published revisions stay intact and readable, and work continues when there is space."""

import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.commands import run_command
from tests.support.programs import environment, ingest, service
from tests.support.verdict import require_each_once, stored
from tests.support.waiting import wait_until
from tests.support.workers import start_worker, wait_until_settled

_DISK = "512m"


@pytest.fixture
def small_disk(tmp_path, onnx_models):
    """A data directory on its own small file system, which can really be full."""
    mount = tmp_path / "disk"
    mount.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(mount)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    (mount / "models").symlink_to(onnx_models)
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    write(folder, range(3))
    return folder


def write(folder: Path, numbers: range) -> None:
    for n in numbers:
        (folder / f"{n}.md").write_text(f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 50)


def fill(disk: Path, *, but: int) -> Path:
    """Fill the disk up to `but` bytes; a worker that writes at the same time may use the rest."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while shutil.disk_usage(disk).free - but >= 1 << 20:
            file.write(bytes(1 << 20))
    return ballast


def test_a_run_reports_a_full_disk_and_the_next_run_succeeds(small_disk, folder):
    run_command("run", str(folder), data_dir=small_disk)
    before = stored(small_disk)
    write(folder, range(3, 6))
    ballast = fill(small_disk, but=4 << 20)
    refused = ingest("run", str(folder), data_dir=small_disk)
    assert refused.returncode == 1
    assert "Is the disk full?" in refused.stderr
    assert stored(small_disk) == before
    ballast.unlink()
    run_command("run", str(folder), data_dir=small_disk)
    require_each_once(small_disk, 6)


def test_a_service_lives_while_the_disk_has_no_room_for_a_revision(small_disk, folder, tmp_path):
    """The engine maps a revision of 85 MB into memory; as many bytes must be free, or SIGBUS would end the service."""
    with service(small_disk, RAG_WORKER="none", RAG_ANSWERING__MAX_TOKENS="16") as running:
        # Enough for the working shard, its copy and the reserve of the writer, but not for opening the copy.
        ballast = fill(small_disk, but=115 << 20)
        log = tmp_path / "run.log"
        with log.open("w") as output:
            command = (sys.executable, "-m", "ingest", "run", str(folder))
            waiting = subprocess.Popen(command, env=environment(small_disk), stdout=output, stderr=output)
        try:
            wait_until(lambda: "Is the disk full?" in log.read_text())
            assert running.http.get("/readyz").json()["detail"]["store"] == "ok"
            ballast.unlink()
            assert waiting.wait(120) == 0, log.read_text()
        finally:
            waiting.kill()
        ballast = fill(small_disk, but=0)
        wait_until(lambda: len(running.http.get("/v1/documents").json()["documents"]) == 3)
        assert running.ask("What is sentence 1 about?").status_code == 200
        assert running.process.poll() is None
        ballast.unlink()


def test_a_worker_waits_while_the_disk_is_full(small_disk, folder):
    write(folder, range(60))
    run_command("enqueue", str(folder), data_dir=small_disk)
    worker = start_worker(small_disk)
    try:
        wait_until(lambda: stored(small_disk))
        ballast = fill(small_disk, but=4 << 20)
        time.sleep(3)
        assert worker.poll() is None
        ballast.unlink()
        assert stored(small_disk)
        wait_until_settled(small_disk)
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
    assert list((small_disk / "inbox" / "dead").iterdir()) == []
    require_each_once(small_disk, 60)
