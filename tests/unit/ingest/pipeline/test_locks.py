"""Locks by key: order, and no lock without a user."""

import asyncio

from ingest.pipeline.locks import Locks


async def test_a_lock_is_held_by_one_task_at_a_time_and_ends_with_its_last_user():
    locks, entered = Locks(), []

    async def work(name: str) -> None:
        async with locks.hold("key"):
            entered.append(name)
            await asyncio.sleep(0)
            assert entered[-1] == name
            assert locks.is_held("key")

    await asyncio.gather(*(work(name) for name in ("first", "second", "third")))
    assert entered == ["first", "second", "third"]
    assert not locks.is_held("key")


async def test_locks_of_different_keys_are_independent():
    locks = Locks()
    async with locks.hold("one"), locks.hold("two"):
        assert locks.is_held("two")
    assert not locks.is_held("one")
