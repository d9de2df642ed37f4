"""Changes that the nodes of a cluster must agree on: repeated until they are done, for a limited time."""

from collections.abc import Sequence

import pytest

from rag.errors import GroundworkError, RequestRejected, Unavailable
from rag.store.server.consensus import until_done


class Change:
    """A change whose first calls fail with these errors. Its check fails too, unless it is known to be done."""

    def __init__(self, *errors: GroundworkError, is_known: bool = False) -> None:
        self._errors: Sequence[GroundworkError] = errors
        self._is_known = is_known
        self.calls = 0

    async def make(self) -> None:
        self.calls += 1
        if self.calls <= len(self._errors):
            raise self._errors[self.calls - 1]

    async def is_done(self) -> bool:
        if self._is_known:
            return True
        raise Unavailable("No majority of the nodes answers.")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr("rag.store.server.consensus._POLL_SECONDS", 0)


async def test_a_change_that_was_made_although_it_failed_is_not_made_again():
    change = Change(Unavailable("away"), is_known=True)
    await until_done(change.make, change.is_done)
    assert change.calls == 1


async def test_a_change_that_cannot_be_checked_is_made_again():
    change = Change(Unavailable("away"), Unavailable("away"))
    await until_done(change.make, change.is_done)
    assert change.calls == 3


async def test_an_error_that_no_repetition_ends_is_raised_at_once():
    change = Change(RequestRejected("The call is not valid."))
    with pytest.raises(RequestRejected, match="not valid"):
        await until_done(change.make, change.is_done)
    assert change.calls == 1


async def test_after_the_time_limit_the_error_says_that_the_change_may_have_been_made(monkeypatch):
    monkeypatch.setattr("rag.store.server.consensus._LIMIT_SECONDS", -1)
    change = Change(Unavailable("away"))
    with pytest.raises(Unavailable, match=r"^away The last change may have been done"):
        await until_done(change.make, change.is_done)
