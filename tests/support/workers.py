"""Starts real workers that a test can kill, and waits for their work."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from ingest.resources import open_models, open_store
from ingest.settings import ParsingSettings, Settings
from ingest.worker.session import Session
from ingest.worker.status import WorkerStatus
from rag.inbox.base import InboxStatistics
from rag.inbox.folder.inbox import FolderInbox
from rag.inbox.folder.worklist import open_folder_worklist
from tests.support.programs import environment


def start_worker(data_dir: Path, **settings: str) -> subprocess.Popen[bytes]:
    """Start `python -m ingest worker`."""
    return subprocess.Popen(
        [sys.executable, "-m", "ingest", "worker"],
        env=environment(data_dir, **{"RAG_WORKER_ATTEMPTS": "1000", "RAG_PARSING__PROCESSES": "1"} | settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until_settled(data_dir: Path, *, seconds: float = 300) -> None:
    """Wait until no entry is queued or processed."""
    deadline = time.monotonic() + seconds
    while (statistics := _statistics(data_dir)).queued + statistics.processing:
        assert time.monotonic() < deadline, f"The inbox was not empty after {seconds} s: {statistics}"
        time.sleep(0.1)


def wait_until_at_work(data_dir: Path, *, seconds: float = 180) -> None:
    """Wait until an entry is processed, or until no entry is left."""
    deadline = time.monotonic() + seconds
    while (statistics := _statistics(data_dir)).queued and not statistics.processing:
        assert time.monotonic() < deadline, f"No entry was claimed within {seconds} s: {statistics}"
        time.sleep(0.02)


def work_until_settled(data_dir: Path) -> None:
    """Do the work of the next worker in this process, which need not import its modules again."""
    asyncio.run(_work(Settings(data_dir=data_dir, parsing=ParsingSettings(processes=1), worker_attempts=1000)))
    statistics = _statistics(data_dir)
    assert (statistics.queued, statistics.processing) == (0, 0)


async def _work(settings: Settings) -> None:
    async with (
        open_folder_worklist(settings.inbox_dir) as worklist,
        open_models(settings) as models,
        open_store(settings, models) as store,
    ):
        await Session(worklist, settings, WorkerStatus(), lambda: False).work(store, models)


def _statistics(data_dir: Path) -> InboxStatistics:
    return asyncio.run(FolderInbox(data_dir / "inbox").statistics())
