"""A collection with one page. It is ingested once, because that takes seconds."""

import asyncio
import shutil
from pathlib import Path

import pytest

from ingest.pipeline.pipeline import Pipeline
from ingest.resources import open_models, open_store
from ingest.settings import Settings
from ingest.sources.base import Unit
from rag.types import DocumentId, RawDocument
from tests.support.passages import PAGE, SCOPE


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory, onnx_models) -> Path:
    data_dir = tmp_path_factory.mktemp("filled")
    (data_dir / "models").symlink_to(onnx_models)
    asyncio.run(_fill(data_dir))
    return data_dir


@pytest.fixture
def filled(tmp_path, filled_once) -> Path:
    """Return a copy of the filled data directory for one test."""
    return shutil.copytree(filled_once, tmp_path / "data", symlinks=True)


async def _fill(data_dir: Path) -> None:
    async def one_page(_: str) -> RawDocument:
        return RawDocument(id=DocumentId("page"), uri="file:///page.md", media_type="text/markdown", body=PAGE)

    settings = Settings(data_dir=data_dir)
    async with open_models(settings) as models, open_store(settings, models) as store:
        unit = Unit(id=DocumentId("page"), uri="file:///page.md", fetch=one_page)
        result = await Pipeline(store, models.batcher, models.parsers).ingest(SCOPE, unit, {})
        assert result.status == "new"
        await store.publish()
