"""Guarded changes against a real store and a real inbox."""

import asyncio

import pytest

from rag.errors import Conflict, PreconditionFailed
from rag.inbox.base import Removal
from rag.types import DocumentId
from service.documents.changes import Precondition, accept, refuse_replacement
from service.documents.state import find_document
from tests.support.contracts.inbox import OURS, upload

ANY: frozenset[str] = frozenset()
REMOVAL = Removal(scope=OURS, document_id=DocumentId("a"))


def holds(precondition: Precondition, found) -> bool:
    try:
        precondition.check(found)
    except PreconditionFailed:
        return False
    return True


async def state_of(installation):
    return await find_document(installation.store, installation.inbox, OURS, DocumentId("a"))


async def test_the_guard_compares_the_latest_accepted_content(installation):
    stored, queued = Precondition(match=frozenset({"v1"})), Precondition(match=frozenset({"new"}))
    await installation.add("a")
    assert (holds(stored, await state_of(installation)), holds(queued, await state_of(installation))) == (True, False)

    await installation.inbox.put(upload("a", digest="new"))
    assert (holds(stored, await state_of(installation)), holds(queued, await state_of(installation))) == (False, True)
    entry = await installation.worklist.claim()
    assert holds(queued, await state_of(installation))

    # After a rejection the stored content is in force again.
    await installation.worklist.dead_letter(entry, reason="no")
    assert (holds(stored, await state_of(installation)), holds(queued, await state_of(installation))) == (True, False)


async def test_content_must_exist_or_must_not_exist(installation):
    must_exist, must_be_new = Precondition(match=ANY), Precondition(none_match=ANY)
    assert (holds(must_exist, None), holds(must_be_new, None)) == (False, True)
    await installation.add("a")
    found = await state_of(installation)
    assert (holds(must_exist, found), holds(must_be_new, found)) == (True, False)
    await installation.inbox.put(REMOVAL)
    found = await state_of(installation)
    assert (holds(must_exist, found), holds(must_be_new, found)) == (False, True)


async def test_content_that_a_client_knows_already_can_be_excluded(installation):
    await installation.add("a")
    found = await state_of(installation)
    assert not holds(Precondition(none_match=frozenset({"v1"})), found)
    assert holds(Precondition(none_match=frozenset({"v2"})), found)


async def test_of_several_clients_that_know_the_same_content_one_may_replace_it(installation):
    await installation.add("a")
    precondition = Precondition(match=frozenset({"v1"}))
    jobs = [upload("a", digest=f"by {client}") for client in range(8)]
    results = await asyncio.gather(
        *(accept(installation.store, installation.inbox, job, precondition.check) for job in jobs),
        return_exceptions=True,
    )
    assert sum(result is None for result in results) == 1
    assert {type(result) for result in results if result is not None} == {PreconditionFailed}


async def test_other_content_needs_a_decision_and_equal_content_does_not(installation):
    await accept(installation.store, installation.inbox, upload("a", digest="one"), refuse_replacement("one"))
    await accept(installation.store, installation.inbox, upload("a", digest="one"), refuse_replacement("one"))
    with pytest.raises(Conflict, match="replace=true"):
        await accept(installation.store, installation.inbox, upload("a", digest="two"), refuse_replacement("two"))
    await installation.inbox.put(REMOVAL)
    await accept(installation.store, installation.inbox, upload("a", digest="two"), refuse_replacement("two"))


async def test_a_rejected_upload_can_be_corrected_without_a_decision(installation):
    await installation.reject("a")
    await accept(installation.store, installation.inbox, upload("a", digest="two"), refuse_replacement("two"))
    assert (await state_of(installation)).state == "queued"
