"""Starts real workers that a test can kill, and waits for their work."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rag.inbox.base import InboxStatistics
from rag.inbox.folder.inbox import FolderInbox
from tests.support.programs import environment


def start_worker(data_dir: Path, *command: str, **settings: str) -> subprocess.Popen[bytes]:
    """Start `python -m ingest worker`, or another program if `command` names one."""
    return subprocess.Popen(
        [sys.executable, "-m", *(command or ("ingest", "worker"))],
        env=environment(data_dir, **{"RAG_WORKER_ATTEMPTS": "1000", "RAG_PARSING__PROCESSES": "1"} | settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until_settled(data_dir: Path, *, seconds: float = 300, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Wait until no entry is queued or processed, and call `meanwhile` again and again."""
    deadline = time.monotonic() + seconds
    while (statistics := _statistics(data_dir)).queued + statistics.processing:
        assert time.monotonic() < deadline, f"The inbox was not empty after {seconds} s: {statistics}"
        meanwhile()
        time.sleep(0.1)


def wait_until_at_work(data_dir: Path, *, seconds: float = 180) -> None:
    """Wait until an entry is processed, or until no entry is left."""
    deadline = time.monotonic() + seconds
    while (statistics := _statistics(data_dir)).queued and not statistics.processing:
        assert time.monotonic() < deadline, f"No entry was claimed within {seconds} s: {statistics}"
        time.sleep(0.02)


def work_until_settled(data_dir: Path, *, seconds: float = 300) -> None:
    """Run a worker until the inbox is empty; it must then exit with status 0."""
    worker = start_worker(data_dir)
    try:
        wait_until_settled(data_dir, seconds=seconds)
    finally:
        worker.terminate()
        assert worker.wait(60) == 0


def _statistics(data_dir: Path) -> InboxStatistics:
    return asyncio.run(FolderInbox(data_dir / "inbox").statistics())
