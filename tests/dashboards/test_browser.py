"""The pages in a real browser. Every test fails on a console error, and on any request to another host."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from omnisight_lab.lab import Lab
from tests.dashboards.seed import OLD_EVENTS, PASSWORD, SEGMENT_SECONDS, Site, name_id

pytest.importorskip("playwright.sync_api", reason="needs the PyPI package playwright")
from playwright.sync_api import expect

expect.set_options(timeout=15_000)  # a busy machine is slow, not wrong

OpenPage = Callable[..., Any]
WIDE, PHONE = (1280, 800), (390, 844)
OBJECTS = 5 + OLD_EVENTS - 1


def fits(page: Any) -> None:
    """Nothing is wider than the window, neither the page nor what scrolls in it."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".main-content").evaluate("element => element.scrollWidth <= element.clientWidth")


def chosen(page: Any) -> Any:
    return page.locator("button.event[aria-current]")


def search_of(page: Any) -> str:
    return str(page.evaluate("location.search"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_pages_fit(open_page: OpenPage, screenshot: Callable[..., None], size: tuple[int, int], dark: bool) -> None:
    look = f"{size[0]}-{'dark' if dark else 'light'}"
    page = open_page("/overview", size=size, dark=dark)
    page.locator(".camera").nth(2).wait_for()
    expect(page.locator(".camera img").first).to_have_js_property("complete", True)
    expect(page.get_by_text("Quay <east>").first).to_be_visible()  # the name, not an element
    fits(page)
    ground = page.locator(".main").evaluate("element => getComputedStyle(element).backgroundColor")
    assert (sum(int(part) for part in re.findall(r"\d+", ground)[:3]) < 200) == dark
    screenshot(page, f"overview-{look}")
    page.goto(page.url.replace("/overview", "/events"))
    page.locator("button.event").first.wait_for()
    fits(page)
    screenshot(page, f"events-{look}")
    page.locator("button.event").nth(1).click()
    expect(page.locator(".film")).to_be_visible()
    fits(page)
    screenshot(page, f"event-{look}")


def test_login_by_the_form_and_logout(open_page: OpenPage, screenshot: Callable[..., None]) -> None:
    page = open_page("/events?label=car", username="")
    page.get_by_label("User name").fill("uma")
    page.get_by_label("Password").fill(PASSWORD)
    screenshot(page, "login")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("5 events")).to_be_visible()
    assert search_of(page) == "?label=car"
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("User name")).to_be_visible()


@pytest.mark.parametrize(("username", "role", "clip"), [("vic", "VIEWER", 0), ("uma", "USER", 1), ("ada", "ADMIN", 1)])
def test_three_roles(open_page: OpenPage, site: Site, username: str, role: str, clip: int) -> None:
    page = open_page(f"/events?event={site.event}", username)
    expect(page.locator(".film")).to_be_visible()
    expect(page.locator(".header .role").last).to_have_text(role)
    assert page.get_by_role("link", name="Clip").count() == clip


def test_filters_live_in_the_address_and_a_link_restores_them(open_page: OpenPage) -> None:
    page = open_page("/events")
    expect(page.get_by_text(f"{OBJECTS} events")).to_be_visible()
    page.get_by_text("All cameras").click()
    page.get_by_role("checkbox", name="Front gate").check()
    expect(page.get_by_text(f"{OBJECTS} events")).to_be_hidden()
    page.get_by_role("combobox", name="Least confidence").select_option("0.8")
    expect(page).to_have_url(re.compile("min=0.8"))
    assert search_of(page) == "?camera=Front+gate&min=0.8"
    count = page.locator("section.events .bar b").inner_text()
    shared = open_page("/events" + search_of(page), "vic")
    expect(shared.locator("section.events .bar b")).to_have_text(count)
    expect(shared.get_by_role("combobox", name="Least confidence")).to_have_value("0.8")
    expect(shared.locator("summary", has_text="Front gate")).to_be_visible()
    shared.get_by_role("button", name="Clear").click()
    expect(shared.get_by_text(f"{OBJECTS} events")).to_be_visible()
    assert search_of(shared) == ""


def test_what_the_address_gets_wrong_is_said(open_page: OpenPage) -> None:
    page = open_page("/events?type=explosion&camera=Roof&label=<img src=x onerror=alert(1)>")
    notice = page.get_by_text("Left out of the filters: there is no type 'explosion'; there is no camera 'Roof'.")
    expect(notice).to_be_visible()
    expect(page.get_by_text("No events match")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.get_by_text(f"{OBJECTS} events")).to_be_visible()


def test_the_clip_starts_at_the_event_and_runs_over_the_cut(open_page: OpenPage, site: Site) -> None:
    page = open_page(f"/events?event={site.event}")
    video = page.locator("video")
    expect(video).to_have_js_property("readyState", 4)
    parts = [f"/media/segments/{name_id(f'Front gate {number}')}" for number in (2, 3)]
    assert video.evaluate("video => new URL(video.src).pathname") == parts[0]
    # The event begins 7 s into the segment; it plays on by itself
    assert 7 <= video.evaluate("video => video.currentTime") < SEGMENT_SECONDS
    drawn = """canvas => { const d = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
        return d.some((value, index) => index % 4 === 3 && value > 0) }"""
    page.wait_for_function(f"drawn => ({drawn})(drawn)", arg=page.locator("canvas").element_handle())
    page.get_by_role("combobox", name="Speed").select_option("4")
    page.wait_for_function(
        "([video, path]) => new URL(video.src).pathname === path && video.currentTime > 0.5",
        arg=[video.element_handle(), parts[1]],
    )


def test_boxes_stand_on_the_object(open_page: OpenPage, site: Site) -> None:
    """Paused at the event's start, the box of the first sighting is drawn where the car is in the picture."""
    page = open_page(f"/events?event={site.event}")
    video = page.locator("video")
    expect(video).to_have_js_property("readyState", 4)
    page.get_by_role("button", name="Play or pause").click()
    share = "([video, canvas]) => [video.currentTime, canvas.clientWidth]"
    seconds, width = page.evaluate(share, [video.element_handle(), page.locator("canvas").element_handle()])
    left = page.locator("canvas").evaluate(
        """canvas => { const ratio = canvas.width / canvas.clientWidth, y = Math.round(canvas.height * 220 / 360)
            const row = canvas.getContext("2d").getImageData(0, y, canvas.width, 1).data
            for (let x = 0; x < canvas.width; x++) if (row[x * 4 + 3] > 0) return x / ratio
            return -1 }"""
    )
    expected = (20 + ((20 + seconds) % 20) * 26) / 640 * width
    assert left == pytest.approx(expected, abs=8)


def test_the_keyboard_goes_through_the_events(open_page: OpenPage, site: Site) -> None:
    page = open_page("/events")
    expect(chosen(page)).to_have_attribute("data-id", site.event)
    page.keyboard.press("j")
    expect(chosen(page)).to_have_attribute("data-id", name_id("event 1"))
    page.keyboard.press("ArrowDown")
    expect(chosen(page)).to_have_attribute("data-id", name_id("event 2"))
    page.keyboard.press("k")
    expect(chosen(page)).to_have_attribute("data-id", name_id("event 1"))
    assert search_of(page) == f"?event={name_id('event 1')}"
    expect(page.locator("video")).to_have_js_property("readyState", 4)
    page.keyboard.press(" ")
    expect(page.locator("video")).to_have_js_property("paused", True)


def test_pages_of_the_list(open_page: OpenPage) -> None:
    page = open_page("/events?page=2")
    expect(page.get_by_text("26–50")).to_be_visible()
    first = chosen(page).get_attribute("data-id")
    page.keyboard.press("k")  # nothing is newer on this page: the last of the first one
    expect(page.get_by_text("1–25")).to_be_visible()
    expect(page.locator("button.event").last).to_have_attribute("aria-current", "true")
    page.keyboard.press("j")
    expect(chosen(page)).to_have_attribute("data-id", first)
    page.get_by_role("button", name="Older page").click()
    expect(page.get_by_text(f"51–{OBJECTS}")).to_be_visible()


def test_an_event_without_footage_says_why(open_page: OpenPage, site: Site) -> None:
    page = open_page(f"/events?event={site.bare_event}")
    expect(page.get_by_text("There is no footage of this event")).to_be_visible()
    expect(page.locator(".film")).to_be_hidden()
    page.goto(page.url.replace(site.bare_event, "unknown"))
    expect(page.get_by_text("There is no such event")).to_be_visible()


def test_a_phone_shows_the_list_first_and_closes_an_event(open_page: OpenPage) -> None:
    page = open_page("/events", size=PHONE)
    page.locator("button.event").first.wait_for()
    expect(page.locator(".film")).to_be_hidden()
    page.locator("button.event").nth(2).click()
    expect(page.locator(".film")).to_be_in_viewport()
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".film")).to_be_hidden()
    page.locator("summary[aria-label=Menu]").click()
    page.get_by_role("link", name="Overview").click()
    expect(page.locator(".camera").first).to_be_visible()


def test_the_theme_is_kept(open_page: OpenPage) -> None:
    page = open_page("/overview")
    page.locator(".camera").first.wait_for()
    page.get_by_role("button", name="Dark theme").click()
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()
    assert page.locator(".mui-dark").count() > 0


def test_an_open_page_learns_that_its_session_has_ended(open_page: OpenPage, lab: Lab) -> None:
    page = open_page("/events?label=car", "uma", fresh=True)
    page.locator("button.event").first.wait_for()
    token = next(item["value"] for item in page.context.cookies() if item["name"] == "omnisight_session")
    lab.logout(token)
    page.locator("button.event").nth(1).click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    expect(page.locator("button.event")).to_have_count(0)
    page.get_by_role("link", name="Log in").click()
    expect(page.get_by_label("User name")).to_be_visible()
    assert "next=%2Fevents%3Flabel%3Dcar" in page.url
