"""The pages in a browser, on a site with real cities and a worker of its own."""

from __future__ import annotations

import itertools
import re
import time

import pytest

pytest.importorskip("playwright")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

NAMES = "/migrations/detail/atlas:0001_plain_names"
LONG = "press:0004_move_all_photos_of_articles_from_before_the_archive_to_the_archive"
CHECK = "/migrations/detail/atlas:0003_check_population"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def badge(page):
    return page.locator("h1 .mm-badge")


def launch(page, key: str, alias: str = "default") -> None:
    page.goto(f"/migrations/run/{key}/{alias}/")
    page.get_by_role("button", name="Run migration").click()
    expect(page.locator(".mm-message.success")).to_contain_text("was started")


def until(condition, seconds: float = 200) -> None:
    """Wait. Not Playwright's own wait_for_function: it evaluates text, which the policy forbids."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def wait_for(site, alias: str, condition: str) -> None:
    statement = f"SELECT 1 FROM massmigration_migrationrecord WHERE {condition}"
    until(lambda: site.sql(alias, statement))


def fake(page, key: str, alias: str) -> None:
    page.goto(f"/migrations/fake/{key}/{alias}/")
    page.get_by_role("button", name="Mark as applied").click()


def requests_of(page) -> list[str]:
    """Give what the page asks for from now on; for the icon the browser asks when it likes."""
    asked: list[str] = []
    page.on("request", lambda request: "icon" in request.url or asked.append(request.url))
    return asked


def check_with_axe(page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found] == []


def test_the_documented_steps_of_0_3_word_by_word(site, open_page):
    site.start_worker()
    page = open_page("ann", "/admin/")
    # "Go to the Django Admin site and under Mass Migrations -> Migration Record, ..."
    section = page.locator("#content-main").locator(".app-massmigration")
    expect(section.locator("caption")).to_have_text(re.compile(r"\s*Mass Migrations\s*"))
    section.get_by_role("link", name=re.compile("^Migration record")).click()
    # "... click the "Manage Migrations" button"
    page.get_by_role("link", name="Manage Migrations", exact=True).click()
    # "Next to your new migration, click "Run..."."
    row = page.get_by_role("row").filter(has_text="0004_drop_duplicates")
    row.get_by_role("link", name="Run...", exact=True).click()
    # "Click "Run migration"."
    page.get_by_role("button", name="Run migration", exact=True).click()
    # "Wait for the migration to be listed as applied in the Migration Record list view"
    expect(page).to_have_url(re.compile(r"/migrations/manage/$"))
    wait_for(site, "default", "is_applied")
    page.goto("/admin/massmigration/migrationrecord/")
    listed = page.get_by_role("row").filter(has_text="atlas:0004_drop_duplicates")
    expect(listed.locator(".field-state")).to_have_text("applied")


def test_run_and_watch_it_to_its_end_without_reloading(site, open_page):
    page = open_page("ann")
    launch(page, "atlas:0001_plain_names", "archive")
    page.goto(f"{NAMES}/archive/")
    page.evaluate(
        """() => {
            window.notReloaded = true;
            window.said = [];
            const place = document.querySelector("body > [role=status]");
            new MutationObserver(() => window.said.push(place.textContent))
                .observe(place, {childList: true, characterData: true, subtree: true});
        }"""
    )
    expect(badge(page)).to_have_text("waiting")
    expect(page.get_by_text("No worker has taken it up yet.")).to_be_visible()

    site.start_worker()

    expect(badge(page)).to_have_text("running", timeout=60_000)
    bar = page.get_by_role("progressbar")
    first = int(bar.get_attribute("value"))
    until(lambda: int(bar.get_attribute("value")) > first)
    expect(page.get_by_text("Rate now")).to_be_visible()
    expect(badge(page)).to_have_text("applied", timeout=200_000)
    expect(page.locator(".mm-tiles")).to_contain_text("1,500 rows")
    assert page.evaluate("window.notReloaded") is True
    # A screen reader is told states, each once; no figures.
    said = page.evaluate("window.said")
    assert (said[0], said[-1]) == tuple(
        f"atlas:0001_plain_names on archive: {state}" for state in ("running", "applied")
    )
    assert all(one != following for one, following in itertools.pairwise(said))
    assert site.sql("archive", "SELECT count(*) FROM atlas_city WHERE plain_name = ''") == [(0,)]
    # Two databases, one page.
    expect(page.get_by_role("navigation", name="Databases")).to_contain_text("default not run")


def test_nothing_is_asked_for_where_nothing_moves(site, open_page):
    page = open_page("ann")
    page.wait_for_load_state("networkidle")
    asked = requests_of(page)

    page.wait_for_timeout(3_000)

    assert asked == []


def test_pause_resume_and_cancel(site, open_page):
    site.start_worker()
    page = open_page("ann")
    launch(page, "atlas:0001_plain_names")
    page.goto(f"{NAMES}/default/")
    expect(badge(page)).to_have_text("running", timeout=60_000)

    page.get_by_role("button", name="Pause").click()
    expect(badge(page)).to_have_text("paused")
    done = site.sql("default", "SELECT sum(rows_done) FROM massmigration_shard")
    page.wait_for_timeout(1_500)
    later = site.sql("default", "SELECT sum(rows_done) FROM massmigration_shard")
    assert later[0][0] - done[0][0] <= 400  # the batch in flight

    page.get_by_role("button", name="Resume").click()
    expect(badge(page)).to_have_text("running", timeout=60_000)
    page.get_by_role("link", name="Cancel...").click()
    expect(page.get_by_text("What was changed so far stays changed.")).to_be_visible()
    page.get_by_role("button", name="Cancel migration").click()
    expect(badge(page)).to_have_text("cancelled")
    log = page.locator(".mm-log")
    for kind in ("launched", "paused", "resumed", "cancelled"):
        expect(log).to_contain_text(f"{kind} by ann")


def test_an_error_its_row_and_a_retry(site, open_page):
    site.sql("default", "UPDATE atlas_city SET population = -5 WHERE id = 2000")
    site.start_worker()
    page = open_page("ann")
    fake(page, "atlas:0001_plain_names", "default")
    launch(page, "atlas:0003_check_population")
    page.goto(f"{CHECK}/default/")

    expect(badge(page)).to_have_text("failed", timeout=200_000)
    error = page.get_by_role("region", name="Error")
    expect(error).to_contain_text("Row 2000")
    expect(error).to_contain_text("has a population of -5")
    trace = error.get_by_text("Traceback (most recent call last)")
    expect(trace).to_be_hidden()
    error.get_by_text("Traceback", exact=True).click()
    expect(trace).to_be_visible()

    site.sql("default", "UPDATE atlas_city SET population = 5 WHERE id = 2000")
    page.get_by_role("button", name="Retry").click()

    expect(badge(page)).to_have_text("applied", timeout=200_000)
    expect(page.locator(".mm-tiles")).to_contain_text("6,000 rows")


def test_a_dead_worker_shows_as_stalled(site, open_page):
    site.start_worker()
    page = open_page("ann")
    launch(page, "atlas:0001_plain_names", "archive")
    page.goto(f"{NAMES}/archive/")
    expect(badge(page)).to_have_text("running", timeout=60_000)

    site.stop_worker(kill=True)

    expect(badge(page)).to_have_text("stalled", timeout=60_000)
    expect(page.get_by_text("gives no sign of life")).to_be_visible()
    site.start_worker()
    expect(badge(page)).to_have_text("applied", timeout=200_000)


def test_who_may_not_is_told_so(site, open_page):
    visitor = open_page("", "/migrations/manage/")
    expect(visitor).to_have_url(re.compile(r"/login/\?next=/migrations/manage/$"))
    assert open_page("bob").content().count("403 Forbidden")
    viewer = open_page("vera", f"{NAMES}/default/")
    expect(badge(viewer)).to_have_text("not run")
    expect(viewer.get_by_role("heading", name="Actions")).to_have_count(0)
    viewer.goto("/migrations/run/atlas:0001_plain_names/default/")
    assert "403 Forbidden" in viewer.content()
    operator = open_page("otto", f"{NAMES}/default/")
    expect(operator.get_by_role("link", name="Run...")).to_be_visible()


def test_everything_works_without_javascript(site, open_page):
    page = open_page("ann", java_script_enabled=False)
    launch(page, "atlas:0001_plain_names", "archive")
    page.goto(f"{NAMES}/archive/")
    page.get_by_role("button", name="Pause").click()
    expect(badge(page)).to_have_text("paused")
    site.start_worker()  # not before: a page on a busy machine may come after the run's end
    page.get_by_role("button", name="Resume").click()
    wait_for(site, "archive", "is_applied")
    page.reload()
    expect(badge(page)).to_have_text("applied")
    page.get_by_role("link", name="Forget...").click()
    page.get_by_role("button", name="Forget").click()
    page.get_by_label("Status").select_option("not-run")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(r"status=not-run"))
    expect(page.get_by_role("row").filter(has_text="0001_plain_names")).to_be_visible()


@pytest.mark.parametrize("words", ["", "bare", "offline"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(site, other_site, open_page, words, scheme):
    on = other_site(words) if words else site
    site.sql("default", "UPDATE atlas_city SET population = -5 WHERE id = 300")
    page = open_page("ann", on=on.url, color_scheme=scheme)
    fake(page, "atlas:0001_plain_names", "default")
    launch(page, "press:0001_export")
    launch(page, "atlas:0002_sizes")
    launch(page, "atlas:0003_check_population")
    site.start_worker()
    wait_for(site, "default", "key = 'atlas:0003_check_population' AND has_error")
    launch(page, "atlas:0001_plain_names", "archive")

    for path in (
        "/migrations/manage/",
        f"{CHECK}/default/",
        f"{NAMES}/archive/",
        "/migrations/detail/press:0001_export/default/",
        "/migrations/detail/press:0003_photos/default/",
        "/migrations/run/atlas:0004_drop_duplicates/default/",
        "/migrations/delete/atlas:0001_plain_names/default/",
        "/migrations/fake/press:0003_photos/default/",
        "/migrations/cancel/press:0001_export/default/",
        "/migrations/detail/press:0002_headlines/default/",
        "/migrations/manage/?status=paused",
        *([f"{NAMES}/offline/"] if "offline" in words else []),
    ):
        page.goto(path)
        for each in page.locator("summary").all():
            each.click()
        check_with_axe(page)


@pytest.mark.parametrize("words", ["", "bare"])
def test_narrow_screens_need_no_scrolling_sideways(site, other_site, open_page, words):
    on = other_site(words) if words else site
    page = open_page("ann", on=on.url, viewport={"width": 360, "height": 740})
    launch(page, "atlas:0001_plain_names", "archive")

    for path in (
        "/migrations/manage/",
        f"{NAMES}/archive/",
        "/migrations/run/atlas:0004_drop_duplicates/default/",
    ):
        page.goto(path)
        excess = page.evaluate(
            "document.querySelector('#mm-page').scrollWidth"
            " - document.querySelector('#mm-page').clientWidth"
        )
        assert excess <= 0, path
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


@pytest.mark.parametrize("width", [360, 1180])
def test_long_names_and_errors_leave_room_for_the_rest(site, open_page, width):
    site.start_worker()
    page = open_page("ann", viewport={"width": width, "height": 740})
    fake(page, "atlas:0002_sizes", "default")
    launch(page, LONG)
    wait_for(site, "default", "has_error")

    page.goto("/migrations/manage/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    name = page.get_by_role("link", name="0001_plain_names", exact=True).first.bounding_box()
    assert name["height"] < 40  # on one line
    page.goto(f"/migrations/detail/{LONG}/default/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for node in page.locator(".mm-node").all():
        box = node.bounding_box()
        assert box["width"] > 150
        assert box["height"] < 90
    page.goto(f"/migrations/delete/{LONG}/default/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_key_leaves_status_and_time_in_sight_in_the_admin(site, open_page):
    page = open_page("ann", viewport={"width": 1180, "height": 740})
    fake(page, LONG, "default")

    page.goto("/admin/massmigration/migrationrecord/")

    place = page.locator("#changelist .results").bounding_box()
    column = page.locator(".field-initiated").bounding_box()
    assert column["x"] + column["width"] <= place["x"] + place["width"]


@pytest.mark.parametrize("words", ["", "bare"])
def test_paper_has_dark_ink_and_the_whole_traceback_and_no_buttons(
    site, other_site, open_page, words
):
    site.start_worker()
    on = other_site(words) if words else site
    page = open_page("ann", on=on.url, color_scheme="dark")
    fake(page, "atlas:0002_sizes", "default")
    launch(page, LONG)
    wait_for(site, "default", "has_error")
    page.goto(f"/migrations/detail/{LONG}/default/")
    page.locator("#mm-traceback summary").click()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")

    page.emulate_media(media="print")

    for place in (".mm", ".mm-note.mm-bad", ".mm-settings td"):
        colour = page.locator(place).first.evaluate("each => getComputedStyle(each).color")
        assert max(map(int, re.findall(r"\d+", colour)[:3])) < 160, place
    assert not page.get_by_role("button", name="Retry").is_visible()
    traceback = page.locator("#mm-traceback pre")
    assert traceback.evaluate("each => getComputedStyle(each).maxHeight") == "none"


@pytest.mark.parametrize("words", ["", "bare"])
def test_the_names_of_databases_stay_in_sight(site, other_site, open_page, words):
    on = other_site(words) if words else site
    page = open_page("ann", on=on.url, viewport={"width": 1180, "height": 300})

    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")

    head = page.get_by_role("columnheader", name="archive", exact=True)
    assert 0 <= head.bounding_box()["y"] < 20


def test_the_keyboard_is_enough(site, open_page):
    page = open_page("ann", "/migrations/run/atlas:0004_drop_duplicates/default/")
    button = page.get_by_role("button", name="Run migration")
    for _ in range(60):
        page.keyboard.press("Tab")
        if button.evaluate("each => each === document.activeElement"):
            break
    page.keyboard.press("Enter")

    expect(page.locator(".mm-message.success")).to_be_visible()


def test_a_double_click_sends_once(site, open_page):
    page = open_page("ann", "/migrations/run/atlas:0004_drop_duplicates/default/")

    page.get_by_role("button", name="Run migration").dblclick()

    expect(page.locator(".mm-message.success")).to_be_visible()
    expect(page.locator(".mm-message.error")).to_have_count(0)
    assert site.sql("default", "SELECT count(*) FROM massmigration_run") == [(1,)]


def test_what_is_opened_stays_open_while_figures_change(site, open_page):
    page = open_page("ann")
    launch(page, "atlas:0001_plain_names")
    site.start_worker()
    page.goto(f"{NAMES}/default/")
    expect(badge(page)).to_have_text("running", timeout=60_000)
    page.locator("#mm-shards summary").click()
    before = page.locator(".mm-tiles").inner_text()

    until(lambda: page.locator(".mm-tiles").inner_text() != before)

    assert page.locator("#mm-shards").get_attribute("open") is not None


def test_the_table_and_the_tabs_say_how_far_it_is_as_the_bar_does(site, open_page):
    page = open_page("ann")
    launch(page, "atlas:0001_plain_names")
    site.start_worker()
    for path, place in (
        ("/migrations/manage/", ".mm-matrix td"),
        (f"{NAMES}/default/", ".mm-tabs"),
    ):
        page.goto(path)
        figure = page.locator(f"{place} [data-mm-percent]")
        before = figure.inner_text()
        until(lambda figure=figure, before=before: figure.inner_text() != before)
        assert page.evaluate(
            """place => document.querySelector(`${place} [data-mm-percent]`).textContent
                === document.querySelector("progress.mm-bar").textContent""",
            place,
        )


def test_bars_are_seen_where_the_system_chooses_the_colours(site, open_page):
    page = open_page("ann", forced_colors="active")
    launch(page, "atlas:0001_plain_names")
    page.goto(f"{NAMES}/default/")

    for place in ("progress.mm-bar", "h1 .mm-badge"):
        style = page.locator(place).evaluate("each => getComputedStyle(each).borderTopStyle")
        assert style == "solid", place


def test_a_page_in_the_background_asks_for_nothing(site, open_page):
    page = open_page("ann")
    launch(page, "atlas:0001_plain_names")
    page.goto(f"{NAMES}/default/")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_timeout(2_500)
    asked = requests_of(page)
    page.wait_for_timeout(2_500)
    assert asked == []

    with page.expect_request(lambda request: "icon" not in request.url):
        page.evaluate(
            "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
        )
    assert len(asked) == 1


def test_a_page_that_is_cut_off_says_so_until_it_is_answered(site, open_page):
    page = open_page("ann")
    launch(page, "atlas:0001_plain_names")
    page.goto(f"{NAMES}/default/")
    said = page.get_by_role("alert").filter(has_text="No answer came, so this may be out of date.")
    expect(said).to_have_count(0)

    page.route("**/live/**", lambda route: route.fulfill(status=503, body=""))
    expect(said).to_be_visible()
    check_with_axe(page)
    page.unroute("**/live/**")

    expect(said).to_have_count(0)


def test_german_with_its_numbers(site, other_site, open_page):
    page = open_page("ann", on=other_site("german").url, locale="de-DE", timezone_id="Asia/Tokyo")
    fake_url = "/migrations/fake/atlas:0001_plain_names/default/"
    page.goto(fake_url)
    page.get_by_role("button", name="Als angewendet vermerken").click()
    expect(badge(page)).to_have_text("nur vermerkt")
    page.goto("/migrations/run/atlas:0004_drop_duplicates/default/")
    expect(page.get_by_text("Genau einmal")).to_be_visible()
    page.goto("/migrations/run/atlas:0001_plain_names/archive/")
    expect(page.get_by_text("Höchstens 1.500 Zeilen")).to_be_visible()


def test_times_are_in_the_readers_zone(site, open_page):
    page = open_page("ann", locale="en-GB", timezone_id="Asia/Tokyo")
    fake(page, "atlas:0001_plain_names", "default")
    page.goto(f"{NAMES}/default/")

    shown = page.locator(".mm-log time").first
    iso, text = shown.get_attribute("datetime"), shown.inner_text()
    there = page.evaluate(
        "iso => new Intl.DateTimeFormat(document.documentElement.lang,"
        " {dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Tokyo'}).format(new Date(iso))",
        iso,
    )
    assert text == there
    assert "UTC" in shown.get_attribute("title")


def test_right_to_left(site, other_site, open_page):
    page = open_page("ann", on=other_site("arabic bare").url, locale="ar")

    assert page.evaluate("document.documentElement.dir") == "rtl"
    table = page.locator(".mm-matrix").bounding_box()
    name = page.locator(".mm-matrix .mm-name").first.bounding_box()
    assert name["x"] + name["width"] > table["x"] + table["width"] - 20
    manage, detail = "/migrations/manage/", f"{NAMES}/default/"
    for place, path in (
        (".mm-name bdi", manage),
        (".mm-run", manage),
        (".mm-graph-self code", detail),
        (".mm-help", detail),
    ):
        page.goto(path)
        # 0001_plain_names, not plain_names_0001; Run..., not ...Run.
        first, last = page.locator(place).first.evaluate(
            """each => [0, each.textContent.length - 1].map((at) => {
                const range = document.createRange();
                range.setStart(each.firstChild, at);
                range.setEnd(each.firstChild, at + 1);
                return range.getBoundingClientRect().x;
            })"""
        )
        assert first < last
