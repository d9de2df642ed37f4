"""A disk that is full: nothing that was published is damaged, readers go on, and work goes on when there is room."""

import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.programs import ingest
from tests.support.verdict import require_each_once, stored
from tests.support.waiting import wait_until
from tests.support.workers import start_worker, wait_until_settled

_DISK = "512m"


@pytest.fixture
def small_disk(tmp_path, onnx_models):
    """A data directory on a file system of its own, small and really full when it is full."""
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
        (folder / f"{n}.md").write_text(f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 150)


def fill(disk: Path, *, but: int) -> Path:
    """All but so many bytes, whatever a worker writes meanwhile; where it was quicker, the disk is full."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while shutil.disk_usage(disk).free - but >= 1 << 20:
            file.write(bytes(1 << 20))
    return ballast


def test_a_run_on_a_full_disk_says_so_and_the_next_one_goes_on(small_disk, folder):
    assert ingest("run", str(folder), data_dir=small_disk).returncode == 0
    before = stored(small_disk)
    write(folder, range(3, 6))
    ballast = fill(small_disk, but=4 << 20)
    refused = ingest("run", str(folder), data_dir=small_disk)
    assert refused.returncode == 1
    assert "Is the disk full?" in refused.stderr
    assert stored(small_disk) == before
    ballast.unlink()
    assert ingest("run", str(folder), data_dir=small_disk).returncode == 0
    require_each_once(small_disk, 6)


def test_a_worker_whose_disk_fills_up_waits_and_goes_on_when_there_is_room(small_disk, folder):
    write(folder, range(60))
    assert ingest("enqueue", str(folder), data_dir=small_disk).returncode == 0
    worker = start_worker(small_disk)
    try:
        wait_until(lambda: stored(small_disk))
        ballast = fill(small_disk, but=4 << 20)
        time.sleep(3)
        assert worker.poll() is None
        ballast.unlink()
        # Not before: a reader writes through memory maps too, and this process must not die of what the worker left.
        assert stored(small_disk)
        wait_until_settled(small_disk)
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
    assert list((small_disk / "inbox" / "dead").iterdir()) == []
    require_each_once(small_disk, 60)
