"""A headless browser for all tests of the page; for each test, a fake service and a page that is open on it."""

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.page.fake_service import FakeService
from tests.page.script import LIBRARY

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_REPORT_VIOLATIONS = """
    document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`));
"""


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        pytest.skip(f"No browser found: install one of {', '.join(_BROWSERS)}.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="package")
async def service() -> AsyncIterator[FakeService]:
    service = FakeService(documents={document["id"]: document for document in LIBRARY})
    async with service.serve():
        yield service


@pytest_asyncio.fixture(loop_scope="package")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(locale="en-GB")
    context.set_default_timeout(5000)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="package")
async def page(service: FakeService, context: BrowserContext) -> AsyncIterator[Page]:
    """Whatever a test does: no script fails, nothing offends the policy, no request leaves the origin."""
    faults: list[str] = []
    page = await context.new_page()
    await page.add_init_script(_REPORT_VIOLATIONS)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "CSP violation" in message.text else None)
    page.on("request", lambda request: faults.append(request.url) if not request.url.startswith(service.url) else None)
    await page.goto(service.url)
    yield page
    assert faults == []
