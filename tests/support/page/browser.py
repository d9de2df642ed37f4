"""A headless browser, and pages that fail the test on script errors, CSP violations and foreign requests."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

# The first one has no user interface of its own to draw, so it needs half of the processor time.
_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_TIMEOUT_MILLISECONDS = 60_000
_REPORT_VIOLATIONS = """
    document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`));
"""


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        known = (*_BROWSERS, playwright.chromium.executable_path)
        executable = next(filter(None, map(shutil.which, known)), None)
        if executable is None:
            pytest.skip(f"No browser found: install {', '.join(_BROWSERS)} or run `playwright install chromium`.")
        browser = await playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def open_page(browser: Browser, url: str, **options) -> AsyncIterator[Page]:
    """Open a page; at the end, fail on script errors, CSP violations and requests to other origins."""
    violations: list[str] = []
    context = await browser.new_context(locale="en-GB", **options)
    context.set_default_timeout(_TIMEOUT_MILLISECONDS)
    expect.set_options(timeout=_TIMEOUT_MILLISECONDS)
    page = await context.new_page()
    await page.add_init_script(_REPORT_VIOLATIONS)
    page.on("pageerror", lambda error: violations.append(str(error)))
    page.on("console", lambda message: violations.append(message.text) if "CSP violation" in message.text else None)
    page.on("request", lambda request: violations.append(request.url) if not request.url.startswith(url) else None)
    await page.goto(url)
    try:
        yield page
    finally:
        await context.close()
    assert violations == []
