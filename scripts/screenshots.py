"""Take the pictures of the pages for README and docs, from real runs on the site of the tests."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402 - needs no path, but stands with these

from tests.e2e import live  # noqa: E402 - needs the path

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = ROOT / "docs" / "images"
WIDTH = 1180
NAMES, SIZES = "atlas:0001_plain_names", "atlas:0002_sizes"
CHECK, DROP = "atlas:0003_check_population", "atlas:0004_drop_duplicates"


class Photographer:
    """A signed-in browser that runs migrations and takes pictures."""

    def __init__(self, browser: Browser, site: live.Site, **options: object) -> None:
        options.setdefault("viewport", {"width": WIDTH, "height": 700})
        self.page: Page = browser.new_context(base_url=site.url, **options).new_page()
        self.page.goto("/login/")
        self.page.fill("[name=username]", "ann")
        self.page.fill("[name=password]", "secret")
        self.page.click("button")

    def do(self, action: str, key: str, alias: str = "default") -> None:
        """Do an action by its page."""
        self.page.goto(f"/migrations/{action}/{key}/{alias}/")
        self.page.click("form.mm-confirm button")

    def take(self, name: str, path: str, height: int | None = None) -> None:
        """Take a picture of a page, down to `height`."""
        self.page.goto(path)
        self.page.wait_for_timeout(600)
        picture = Image.open(io.BytesIO(self.page.screenshot(full_page=True)))
        if height is not None:
            picture = picture.crop((0, 0, picture.width, min(height, picture.height)))
        # Few colours are enough for a page, and a tenth of the bytes.
        picture = picture.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=0)
        picture.save(IMAGES / f"{name}.png", optimize=True)
        print(f"{name}.png: {(IMAGES / f'{name}.png').stat().st_size // 1024} KB")


def wait_for(site: live.Site, key: str, fact: str, alias: str = "default") -> None:
    statement = "SELECT is_applied, has_error FROM massmigration_migrationrecord WHERE key = ?"
    end = time.monotonic() + 120
    while True:
        for is_applied, has_error in site.sql(alias, statement, key):
            if {"is_applied": is_applied, "has_error": has_error}[fact]:
                return
        if time.monotonic() > end:
            sys.exit(f"It did not come to that: {key} {fact}")
        time.sleep(0.2)


def main() -> None:
    program = live.find_browser()
    if program is None:
        sys.exit("No chromium was found: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        site = stack.enter_context(live.running(live.Site(Path(folder), "tidy", cities=24_000)))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=program, args=live.BROWSER_ARGS)
        stack.callback(browser.close)
        photographer = Photographer(browser, site)
        take_all(photographer, Photographer(browser, site, color_scheme="dark"), site)
        phone = {"width": 400, "height": 760}
        Photographer(browser, site, viewport=phone).take("narrow", "/migrations/manage/", 1000)


def take_all(day: Photographer, night: Photographer, site: live.Site) -> None:
    site.sql("archive", "UPDATE atlas_city SET population = -5 WHERE id = 4000")
    day.take("run", f"/migrations/run/{NAMES}/default/", 640)
    day.do("run", NAMES, "archive")
    day.do("run", DROP)
    site.start_worker()
    wait_for(site, NAMES, "is_applied", "archive")
    day.do("run", CHECK, "archive")
    day.do("run", SIZES, "archive")
    wait_for(site, CHECK, "has_error", "archive")
    wait_for(site, SIZES, "is_applied", "archive")
    day.do("run", NAMES)
    day.page.goto(f"/migrations/detail/{NAMES}/default/")
    day.page.wait_for_timeout(30_000)
    day.take("manage", "/migrations/manage/")
    day.take("detail", f"/migrations/detail/{NAMES}/default/")
    night.take("detail-dark", f"/migrations/detail/{NAMES}/default/", 900)
    day.take("failed", f"/migrations/detail/{CHECK}/archive/", 760)
    day.take("admin", "/admin/massmigration/migrationrecord/", 560)


if __name__ == "__main__":
    main()
