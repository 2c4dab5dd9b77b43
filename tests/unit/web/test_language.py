"""Which language a page has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from pipeline.languages import current
from pipeline.languages.request import Languages, wished
from pipeline.phrases import phrase
from pipeline.web.script_words import WORDS

SCRIPT = Path(__file__).parents[3] / "pipeline" / "web" / "static" / "studio.js"


@pytest.fixture
def browser() -> TestClient:
    async def page(_: Request) -> Response:
        return PlainTextResponse(current.say(phrase("a text")))

    return TestClient(Starlette(routes=[Route("/", page)], middleware=[Middleware(Languages)]))


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("de,zh-TW;q=0.7,en;q=0.3", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr", "en"),
        ("", "en"),
        ("zhuang", "en"),
    ],
)
def test_the_browsers_own_language_decides(accepted: str, language: str) -> None:
    """The first one that there is."""
    assert wished(accepted) == language


def test_a_choice_is_kept_by_the_browser(browser: TestClient) -> None:
    """It wins over the browser's own language, until there is another one."""
    assert browser.get("/").text == "a text"
    assert browser.get("/?language=zh").text == "文字"
    assert browser.get("/").text == "文字"
    assert browser.get("/?language=en", headers={"Accept-Language": "zh"}).text == "a text"
    assert browser.get("/", headers={"Accept-Language": "zh"}).text == "a text"


@pytest.mark.parametrize("query", ["?language=tlh", "?language=", "?language=%ff", "?x=1"])
def test_another_language_is_ignored(browser: TestClient, query: str) -> None:
    """Nothing is kept."""
    answer = browser.get(f"/{query}", headers={"Cookie": 'language="; language=xx'})
    assert answer.text == "a text"
    assert "set-cookie" not in answer.headers


def test_the_page_gives_the_script_all_its_texts() -> None:
    """Each `_("…")` of studio.js is listed, and each of the list is used."""
    used = re.findall(r'\b_\(\s*"((?:[^"\\]|\\.)*)"', SCRIPT.read_text(encoding="utf-8"))
    assert set(used) == WORDS
