"""The ingest worker as a child process: its start, its end and its reason."""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import psutil
import pytest

from rag.inbox.base import WorkerReport
from rag.tasks import ended_tasks
from service.metrics import WORKER_RESTARTS
from service.worker_supervisor import _prepare_child, open_worker
from service.worker_watch import WorkerWatch

pytestmark = pytest.mark.slow


class EmptyInbox:
    """An inbox of which no worker has reported."""

    async def workers(self) -> list[WorkerReport]:
        return []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a process when its parent dies")
def test_a_worker_does_not_start_if_its_service_was_killed_before_prctl():
    def status(parent: int) -> int:
        return subprocess.run(["true"], preexec_fn=partial(_prepare_child, parent), check=False).returncode

    assert status(os.getpid()) == 0
    assert status(os.getppid()) == 1


async def test_a_worker_that_cannot_start_is_restarted_and_gives_its_reason(monkeypatch, capfd):
    monkeypatch.setenv("RAG_PARSING__SECONDS", "minus")
    watch, before = WorkerWatch(EmptyInbox()), WORKER_RESTARTS._value.get()
    async with open_worker(watch, log_format="auto"), asyncio.timeout(120):
        await watch.refresh()
        assert watch.status.state == "starting"
        while WORKER_RESTARTS._value.get() == before:  # noqa: ASYNC110 - the supervisor sets no event
            await asyncio.sleep(0.05)
        await watch.refresh()
    assert watch.status.state == "down"
    assert "RAG_PARSING__SECONDS" in watch.status.detail
    assert "RAG_PARSING__SECONDS" not in watch.status.message, "clients learn nothing of the settings"
    assert "RAG_PARSING__SECONDS" in capfd.readouterr().err, "the worker's own words reach the log"


async def test_a_worker_that_does_not_stop_is_killed_before_the_service_goes_on(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("RAG_WORKER_PORT", "0")
    log, before = "", set(psutil.Process().children())
    async with open_worker(WorkerWatch(EmptyInbox()), log_format="json"), asyncio.timeout(120):
        while "worker_ready" not in log:
            await asyncio.sleep(0.05)
            log += capfd.readouterr().err
        [worker] = set(psutil.Process().children()) - before
        worker.suspend()
    try:
        assert not worker.is_running()
    finally:
        with suppress(psutil.NoSuchProcess):
            worker.kill()


@contextmanager
def no_file_descriptor_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_worker_for_which_the_machine_has_nothing_left_is_started_later():
    watch, before = WorkerWatch(EmptyInbox()), WORKER_RESTARTS._value.get()
    async with open_worker(watch, log_format="auto"), asyncio.timeout(120):
        with no_file_descriptor_left():
            while watch.status.state != "down":
                await asyncio.sleep(0.05)
                await watch.refresh()
        assert "Too many open files" in watch.status.detail
        while WORKER_RESTARTS._value.get() == before:  # noqa: ASYNC110 - the supervisor sets no event
            await asyncio.sleep(0.05)
        assert ended_tasks() == []
