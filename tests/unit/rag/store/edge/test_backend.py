"""Migrations of the embedded collection that follow a killed migration or a switch."""

import pytest

from rag.store.backend import AlreadyFilled
from rag.store.edge.backend import EdgeBackend
from rag.store.edge.store import open_edge_writer
from rag.types import EmbedderIdentity
from tests.support.contracts.store import DIMENSION, EMBEDDER, OURS, point, put, texts

FIRST = EmbedderIdentity(model="first", dimension=DIMENSION)
SECOND = EmbedderIdentity(model="second", dimension=DIMENSION)


@pytest.fixture
async def backend(tmp_path) -> EdgeBackend:
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        await put(writer, OURS, [point("current")])
        await writer.publish()
    return EdgeBackend(tmp_path)


async def interrupt_migration(backend: EdgeBackend, embedder: EmbedderIdentity, text: str) -> None:
    async with backend.open_migration(embedder) as migration:
        await put(migration.successor, OURS, [point(text)])
        await migration.successor.publish()


@pytest.mark.slow
async def test_a_migration_continues_an_interrupted_one_to_the_same_embedder(backend):
    await interrupt_migration(backend, FIRST, "migrated")
    async with backend.open_migration(FIRST) as migration:
        assert await texts(migration.successor, OURS) == {"migrated"}
        assert await texts(migration.current, OURS) == {"current"}


@pytest.mark.slow
async def test_a_migration_removes_an_interrupted_one_to_another_embedder(backend):
    await interrupt_migration(backend, FIRST, "migrated")
    async with backend.open_migration(SECOND) as migration:
        assert await texts(migration.successor, OURS) == set()


@pytest.mark.slow
async def test_the_successor_is_removed_after_the_switch(backend, tmp_path):
    async with backend.open_migration(FIRST) as migration:
        await put(migration.successor, OURS, [point("migrated")])
        async with migration.pause() as is_paused:
            assert is_paused
            await migration.require_unchanged()
        await migration.switch()
    assert await backend.embedder() == FIRST
    assert migration.keeps_current
    assert (await backend.fallback_origin()).embedder == EMBEDDER
    assert not (tmp_path / "successor").exists()
    with pytest.raises(AlreadyFilled):
        async with backend.open_migration(FIRST):
            pass


@pytest.mark.slow
async def test_a_third_embedder_starts_with_an_empty_successor(backend):
    async with backend.open_migration(FIRST) as migration:
        await migration.switch()
    async with backend.open_migration(SECOND) as migration:
        assert await texts(migration.successor, OURS) == set()
