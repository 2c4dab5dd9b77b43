"""Judgements of a page wait for its style sheets."""

from __future__ import annotations

from playwright.sync_api import Browser, Route, expect

from tests.browser.looking import Looked

_PAGE = '<link rel="stylesheet" href="narrow.css"><p style="width: 2000px">text</p>'


def test_a_page_is_judged_with_its_style_sheets(chromium: Browser) -> None:
    """Without the style sheet, which comes late, the page would be wider than the screen."""
    with chromium.new_context() as context:
        looked = Looked(context)

        def late(route: Route) -> None:
            looked.page.wait_for_timeout(300)
            route.fulfill(content_type="text/css", body="p { max-width: 100px }")

        context.route("http://page.test/", lambda route: route.fulfill(content_type="text/html", body=_PAGE))
        context.route("http://page.test/narrow.css", late)
        looked.page.goto("http://page.test/", wait_until="commit")
        expect(looked.page.get_by_text("text")).to_be_attached()
        assert not looked.wider_than_the_screen()
