"""A fake service and an open page for each test."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.support.page.browser import browser, open_page  # noqa: F401
from tests.support.page.fake_service import FakeService
from tests.support.page.script import LIBRARY


@pytest_asyncio.fixture(loop_scope="package")
async def service() -> AsyncIterator[FakeService]:
    service = FakeService(documents={document["id"]: document for document in LIBRARY})
    async with service.serve():
        yield service


@pytest_asyncio.fixture(loop_scope="package")
async def page(service: FakeService, browser: Browser) -> AsyncIterator[Page]:  # noqa: F811
    async with open_page(browser, service.url) as page:
        yield page
