"""Real workers to kill, and patience with them."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rag.inbox.folder.inbox import FolderInbox
from tests.support.programs import environment


def start_worker(data_dir: Path, *command: str, **settings: str) -> subprocess.Popen[bytes]:
    """`command` names another program than `python -m ingest worker`."""
    return subprocess.Popen(
        [sys.executable, "-m", *(command or ("ingest", "worker"))],
        env=environment(data_dir, **{"RAG_WORKER_ATTEMPTS": "1000", "RAG_PARSING__PROCESSES": "1"} | settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until_settled(data_dir: Path, *, seconds: float = 300, meanwhile: Callable[[], None] = lambda: None) -> None:
    inbox = FolderInbox(data_dir / "inbox")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = asyncio.run(inbox.statistics())
        if found.queued + found.processing == 0:
            return
        meanwhile()
        time.sleep(0.1)
    raise AssertionError(f"Not settled after {seconds} s: {found}")


def wait_until_at_work(data_dir: Path, *, seconds: float = 180) -> None:
    """Until something is claimed, or nothing is left to claim."""
    inbox = FolderInbox(data_dir / "inbox")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = asyncio.run(inbox.statistics())
        if found.processing or not found.queued:
            return
        time.sleep(0.02)
    raise AssertionError(f"Not at work after {seconds} s: {found}")


def work_until_settled(data_dir: Path, *, seconds: float = 300) -> None:
    """A worker of its own, which ends well."""
    worker = start_worker(data_dir)
    try:
        wait_until_settled(data_dir, seconds=seconds)
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
