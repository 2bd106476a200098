from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests import untested
from tests.e2e import live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

NO_BROWSER = "NOT TESTED: no chromium found (sudo apt-get install chromium)"


# Not for the session: as long as it lives, its event loop keeps Django from other tests' databases.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415 - not everybody has it

    expect.set_options(timeout=30_000)
    program = live.find_browser()
    if program is None:
        untested.skip(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=live.BROWSER_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Site]:
    with live.running(live.Site(tmp_path_factory.mktemp("site"))) as site:
        yield site


@pytest.fixture
def site(_started: live.Site) -> Iterator[live.Site]:
    """The site, with nothing run yet and no worker."""
    _started.reset()
    yield _started
    _started.stop_worker()


@pytest.fixture
def other_site(site: live.Site) -> Iterator[object]:
    """Start the same data under other settings."""
    more: list[live.Site] = []

    def start(words: str) -> live.Site:
        other = live.Site(site.folder, words)
        more.append(other)
        other.start()
        return other

    yield start
    for each in more:
        each.stop()


@pytest.fixture
def open_page(browser: Browser, site: live.Site) -> Iterator[object]:
    """Open a page as a user; at the end no console may have said anything."""
    contexts, said = [], []

    def open_as(user: str, path: str = "/migrations/manage/", on: str = "", **options) -> Page:
        context = browser.new_context(base_url=on or site.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        if user:
            page.goto("/login/")
            page.fill("[name=username]", user)
            page.fill("[name=password]", "secret")
            page.click("button")
        page.goto(path)
        return page

    yield open_as
    for context in contexts:
        context.close()
    expected = re.compile(r"status of (403|503)")  # a test that asks for one gets a line
    assert [line for line in said if not expected.search(line)] == []
