"""What the service says about the workers of its inbox."""

import pytest
from structlog.testing import capture_logs

from rag.errors import Unavailable
from rag.inbox.base import WorkerReport
from rag.inbox.factory import open_inbox, open_worklist
from rag.settings import FolderInboxSettings
from service.metrics import WORKER_STATES
from service.worker_watch import WorkerWatch


@pytest.fixture
async def inbox(tmp_path):
    async with open_inbox(FolderInboxSettings(), root=tmp_path) as opened:
        yield opened


def states_shown() -> list[str]:
    return [state for state, gauge in WORKER_STATES.items() if gauge._value.get()]


async def test_no_worker_is_down_until_one_runs(inbox, tmp_path):
    watch = WorkerWatch(inbox)
    await watch.refresh()
    assert (watch.status.state, watch.status.message) == ("down", "No worker is running.")
    assert states_shown() == ["down"]
    async with open_worklist(FolderInboxSettings(), root=tmp_path):
        with capture_logs() as lines:
            await watch.refresh()
        assert lines == [{"event": "worker_state", "log_level": "info", "state": "working"}]
        assert (watch.status.state, watch.status.message) == ("working", "")
        assert states_shown() == ["working"]
    await watch.refresh()
    assert watch.status.state == "down"


async def test_a_worker_waits_with_its_reason_unless_another_one_works(inbox, tmp_path):
    watch = WorkerWatch(inbox)
    async with open_worklist(FolderInboxSettings(), root=tmp_path) as first:
        await first.report(WorkerReport(waiting_for="The embedder refuses the key."))
        await watch.refresh()
        assert (watch.status.state, watch.status.message) == (
            "waiting",
            "The worker waits. The embedder refuses the key.",
        )
        async with open_worklist(FolderInboxSettings(), root=tmp_path):
            await watch.refresh()
            assert watch.status.state == "working"


async def test_a_child_starts_then_fails_with_its_reason_until_it_reports(inbox, tmp_path):
    watch = WorkerWatch(inbox)
    watch.note_start()
    await watch.refresh()
    assert watch.status.state == "starting"
    watch.note_end("RAG_PARSING__SECONDS is not a number.")
    await watch.refresh()
    assert watch.status.state == "down"
    assert str(watch.status) == "down: RAG_PARSING__SECONDS is not a number."
    assert watch.status.message == "No worker is running.", "clients do not see the reason"
    async with open_worklist(FolderInboxSettings(), root=tmp_path):
        await watch.refresh()
        assert watch.status.state == "working"


async def test_a_child_that_ends_while_the_inbox_is_read_has_not_recovered():
    class Overtaken:
        """An inbox that lists a worker which ends before the list is returned."""

        def __init__(self) -> None:
            self.reports = [WorkerReport(waiting_for="")]

        async def workers(self) -> list[WorkerReport]:
            if found := self.reports:
                self.reports = []
                watch.note_end("The worker ended with status 1.")
            return found

    watch = WorkerWatch(Overtaken())
    watch.note_start()
    for _ in range(2):
        await watch.refresh()
    assert str(watch.status) == "down: The worker ended with status 1."


async def test_an_inbox_that_cannot_be_read_is_a_state_of_its_own():
    class Unreachable:
        async def workers(self) -> list[WorkerReport]:
            raise Unavailable("Redis cannot be reached.")

    watch = WorkerWatch(Unreachable())
    await watch.refresh()
    assert str(watch.status) == "unknown: Redis cannot be reached."
    assert states_shown() == ["unknown"]
