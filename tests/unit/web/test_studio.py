"""The studio over HTTP, on a workbench that only answers: who may ask, what is taken, what is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from pipeline.errors import ResourceLimitExceeded
from pipeline.languages.request import Languages
from pipeline.web.headers import SecurityHeaders
from pipeline.web.origin import require_loopback
from pipeline.web.pages import Pages
from pipeline.web.problems import handler
from pipeline.web.studio import Studio
from pipeline.web.workbench import MAX_FORM

HOSTILE = "</textarea><script>alert(1)</script>"
DRAFT = {"file": "shop.yaml", "rules": "rules: []", "type": "shop.paid", "event": "{}"}
BROWSER = {"accept": "text/html,*/*;q=0.8"}
PARTS = {"x-studio": "parts"}
PAGES = Pages({"Status": "./", "Studio": "studio"}, "9.9.9")
"""Made once: each compiles its templates."""


class Answering:
    """A workbench that says what it is set to say."""

    def __init__(self) -> None:
        self.drafts: list[dict[str, str]] = []
        self.limit_exceeded = False
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.answer: dict[str, object] = {"items": [], "hover": None, "event": "{}"}
        self.result: dict[str, object] = {
            "findings": [],
            "sound": True,
            "evaluated": True,
            "left_out": [],
            "day": "11月23日",
            "clock": "15:01",
            "event_problem": None,
            "messages": [],
            "why": [],
            "tests": None,
        }

    async def open(self, file: str | None, rule: str | None, event_type: str | None) -> Mapping[str, object]:
        del rule, event_type
        if self.limit_exceeded:
            raise ResourceLimitExceeded("too many", hint="later")
        text = f"# {file}"
        return {
            "files": ["shop.yaml", "other.yaml"],
            "file": "shop.yaml",
            "rules": text,
            "types": ["shop.paid"],
            "type": "shop.paid",
            "event": "{}",
            "choices": {"tests": [], "recorded": []},
        }

    async def example(self, event_type: str, number: int = 0) -> str:
        return f'{{"of": "{event_type}", "number": {number}}}'

    async def ask(self, what: str, **arguments: object) -> Mapping[str, object]:
        if self.limit_exceeded:
            raise ResourceLimitExceeded("too many", hint="later")
        self.asked.append((what, arguments))
        if what == "palette":
            field = {"path": HOSTILE, "type": HOSTILE, "values": [HOSTILE], "doc": HOSTILE}
            flags = {"may_be_missing": True, "is_readable": True}
            function = {"name": HOSTILE, "signatures": [HOSTILE], "doc": HOSTILE, "examples": [HOSTILE]}
            return {"doc": HOSTILE, "fields": [{**field, **flags}], "functions": [function]}
        return self.answer

    async def try_out(self, draft: Mapping[str, str]) -> Mapping[str, object]:
        self.drafts.append(dict(draft))
        if self.limit_exceeded:
            raise ResourceLimitExceeded("too many", hint="later")
        return self.result


class OneEvent:
    """Newest events: one, after they were read."""

    def __init__(self) -> None:
        self.readings = 0

    async def read(self) -> Mapping[str, object]:
        self.readings += 1
        return {"records": 3, "problem": ""}

    def choices(self, event_type: str) -> list[dict[str, str]]:
        return [{"key": "newest:orders/0/7", "name": f"15:01 {event_type}"}] if self.readings else []

    def event(self, key: str) -> str | None:
        return '{"newest": true}' if key == "newest:orders/0/7" and self.readings else None


@pytest.fixture
def bench() -> Answering:
    return Answering()


@pytest.fixture
async def http(bench: Answering) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(bench, None) as client:
        yield client


@asynccontextmanager
async def _client(bench: Answering, newest: OneEvent | None) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(
        routes=[*Studio(PAGES, bench, require_loopback, None, newest).routes(), PAGES.route()],
        middleware=[Middleware(SecurityHeaders), Middleware(Languages)],
        exception_handlers={HTTPException: handler(PAGES.mistake)},
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8091") as client:
        yield client


async def test_programs_get_json(bench: Answering, http: httpx.AsyncClient) -> None:
    """The result of the workbench, unchanged."""
    answer = await http.post("/studio", data=DRAFT)
    assert answer.json() == bench.result
    assert bench.drafts == [DRAFT]


async def test_a_browser_without_script_gets_the_whole_page(http: httpx.AsyncClient) -> None:
    """With what was written still in it."""
    page = (await http.post("/studio", data={**DRAFT, "rules": "# mine"}, headers=BROWSER)).text
    assert "# mine" in page
    assert "<noscript><button" in page


async def test_a_browser_without_script_can_open_a_file_and_take_an_example(http: httpx.AsyncClient) -> None:
    """By the buttons that only such a browser shows."""
    for load, gone in (("file", "# mine"), ("event", '{"mine": 1}')):
        draft = {**DRAFT, "rules": "# mine", "event": '{"mine": 1}', "load": load}
        page = (await http.post("/studio", data=draft, headers=BROWSER)).text
        assert gone.replace('"', "&#34;") not in page


async def test_the_pages_own_script_gets_the_result_alone(bench: Answering, http: httpx.AsyncClient) -> None:
    """The parts of the page, and what to mark in the editor."""
    bench.result["findings"] = [
        {
            "line": 1,
            "column": 1,
            "level": "error",
            "elsewhere": where,
            "start": 0,
            "end": 5,
            "code": "x",
            "words": "w",
            "hint": None,
            "excerpt": "",
        }
        for where in (None, "other.yaml")
    ]
    found = (await http.post("/studio", data=DRAFT, headers=PARTS)).json()
    assert set(found["parts"]) == {"summary", "card", "findings", "why", "tests"}
    assert "2 errors" in found["parts"]["summary"]
    assert [(one["start"], one["end"]) for one in found["marks"]] == [(0, 5)]


async def test_everything_that_is_shown_is_text(bench: Answering, http: httpx.AsyncClient) -> None:
    """Whatever rules, events, findings and explanations hold."""
    value = {"text": HOSTILE, "value": HOSTILE, "failed": None, "line": 1}
    finding = {"line": 1, "column": 1, "level": "error", "elsewhere": HOSTILE, "start": 0, "end": 1}
    bench.result = {
        **bench.result,
        "findings": [{**finding, "code": "x", "words": HOSTILE, "hint": HOSTILE, "excerpt": HOSTILE}],
        "left_out": [HOSTILE],
        "day": HOSTILE,
        "clock": HOSTILE,
        "messages": [
            {"rule": HOSTILE, "refused": "field_limit", "detail": HOSTILE},
            {
                **dict.fromkeys(("rule", "template", "to", "url", "account", "body"), HOSTILE),
                "cards": [
                    {
                        "mode": HOSTILE,
                        "title": HOSTILE,
                        "html": "",
                        "near": [{"key": HOSTILE, "count": 1, "limit": 1, "remarks": ""}],
                    }
                ],
            },
        ],
        "why": [
            {
                "rule": HOSTILE,
                "match": "no_match",
                "stopped_by": None,
                "inactive": HOSTILE,
                "care": [HOSTILE],
                "items": HOSTILE,
                "conditional": True,
                "decisions": [{**value, "operands": [value]}],
            }
        ],
        "tests": {
            "run": 1,
            "failed": [
                {
                    "name": HOSTILE,
                    "file": HOSTILE,
                    "line": 1,
                    "mismatches": [{"words": HOSTILE, "expected": HOSTILE, "got": HOSTILE, "hint": HOSTILE}],
                }
            ],
        },
    }
    page = (await http.post("/studio", data={**DRAFT, "rules": HOSTILE, "event": HOSTILE}, headers=BROWSER)).text
    assert "<script>alert" not in page
    assert "</textarea><script" not in page
    parts = (await http.post("/studio", data={**DRAFT, "rules": HOSTILE}, headers=PARTS)).json()["parts"]
    assert "<script>alert" not in "".join(parts.values())
    assert "<script>alert" not in (await http.get("/studio/palette", params={"type": HOSTILE})).text


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"x=" + b"a" * MAX_FORM, {}, 413),
        (b"rules=%ff%fe", {}, 400),
        (b"rules=\xff", {}, 400),
        (b"&".join(b"a=1" for _ in range(100)), {}, 400),
        (b'{"rules": ""}', {"content-type": "application/json"}, 415),
        (b"", {"content-type": "multipart/form-data; boundary=x"}, 415),
    ],
)
async def test_an_invalid_form_is_refused(
    http: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    """Too large, not UTF-8, too many fields, another format: with problem details."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await http.post("/studio", content=content, headers={**form, **headers})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_empty_form_is_an_empty_draft(bench: Answering, http: httpx.AsyncClient) -> None:
    """No field is required."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await http.post("/studio", content=b"", headers=form)).status_code == 200
    assert bench.drafts == [dict.fromkeys(DRAFT, "")]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost:8091"},
        {"sec-fetch-site": "same-site", "origin": "http://localhost:8091"},
    ],
)
async def test_requests_of_foreign_pages_are_refused(
    bench: Answering, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """Another site cannot use a visitor's browser."""
    assert (await http.post("/studio", data=DRAFT, headers=headers)).status_code == 403
    assert bench.drafts == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8091"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
    ],
)
async def test_our_own_page_may(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """And programs, which say nothing of the kind."""
    assert (await http.post("/studio", data=DRAFT, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:8091", 200),
        ("evil.example.com", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_only_names_of_this_machine_are_served(http: httpx.AsyncClient, host: str, status: int) -> None:
    """On the loopback address, other host names are refused (DNS rebinding)."""
    assert (await http.get("/studio", headers={"host": host})).status_code == status


async def test_an_exceeded_limit_is_reported(bench: Answering, http: httpx.AsyncClient) -> None:
    """In the result of a draft, and as 503 for the page."""
    bench.limit_exceeded = True
    found = (await http.post("/studio", data=DRAFT, headers=PARTS)).json()
    assert "too many" in found["parts"]["summary"]
    for part in ("complete", "hover"):
        assert (await http.post(f"/studio/{part}", data=DRAFT)).status_code == 503
    answer = await http.get("/studio", headers=BROWSER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.headers["refresh"] == "2"  # the browser asks again by itself


async def test_files_and_events_are_json(bench: Answering, http: httpx.AsyncClient) -> None:
    """Another file comes with an event that fits, an event by its key, an example by its number."""
    assert (await http.get("/studio/file", params={"file": "other.yaml"})).json()["rules"] == "# other.yaml"
    example = (await http.get("/studio/event", params={"type": "shop.paid", "number": "3"})).json()["event"]
    assert example == '{"of": "shop.paid", "number": 3}'
    assert (await http.get("/studio/event", params={"key": "test:a:1"})).json()["event"] == "{}"
    bench.answer = {"event": None}
    assert (await http.get("/studio/event", params={"key": "test:a:1"})).status_code == 404
    for number in ("-1", "x", "1" * 50, "\u0663"):
        assert (await http.get("/studio/event", params={"number": number})).status_code == 400


async def test_completion_and_hover_are_asked_of_the_workbench(bench: Answering, http: httpx.AsyncClient) -> None:
    """For the draft and an offset in it."""
    for what in ("complete", "hover"):
        answer = await http.post(f"/studio/{what}", data={**DRAFT, "at": "7"})
        assert answer.json() == bench.answer
        assert bench.asked[-1] == (what, {"file": "shop.yaml", "rules": "rules: []", "at": 7})
        foreign = await http.post(f"/studio/{what}", data=DRAFT, headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == 403


async def test_the_style_of_the_editor_needs_a_new_nonce_each_time(http: httpx.AsyncClient) -> None:
    """The policy allows no inline style without it, and no inline script at all."""
    policies = [(await http.get("/studio", headers=BROWSER)).headers["content-security-policy"] for _ in range(2)]
    assert policies[0] != policies[1]
    assert all("style-src 'self' 'nonce-" in policy and "unsafe" not in policy for policy in policies)


async def test_nothing_can_be_saved_without_a_store(http: httpx.AsyncClient) -> None:
    """As in the service's own pages."""
    for path in ("/studio/save", "/studio/test"):
        assert (await http.post(path, data=DRAFT)).status_code == 404
    assert "Save" not in (await http.get("/studio", headers=BROWSER)).text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_allowed(http: httpx.AsyncClient, method: str) -> None:
    """405, and which are."""
    answer = await http.request(method, "/studio")
    assert answer.status_code == 405
    assert "allow" in answer.headers


async def test_long_values_in_the_address_do_no_harm(http: httpx.AsyncClient) -> None:
    """They are only looked up."""
    query = urlencode({"file": "../" * 500, "rule": HOSTILE, "type": HOSTILE})
    page = await http.get(f"/studio?{query}", headers=BROWSER)
    assert page.status_code == 200
    assert "<script>alert" not in page.text


async def test_the_newest_events_are_read_on_demand(bench: Answering) -> None:
    """Not with the page; the list is then with every answer about events, until they are read again."""
    newest = OneEvent()
    bench.answer = {"tests": [], "recorded": []}
    async with _client(bench, newest) as http:
        assert 'id="newest"' in (await http.get("/studio")).text
        assert (await http.get("/studio/event", params={"type": "shop.paid"})).json()["choices"]["newest"] == []
        assert newest.readings == 0
        answer = (await http.post("/studio/newest", data={"type": "shop.paid"})).json()
        choices = [{"key": "newest:orders/0/7", "name": "15:01 shop.paid"}]
        assert answer == {"reading": {"records": 3, "problem": ""}, "choices": {**bench.answer, "newest": choices}}
        chosen = (await http.get("/studio/event", params={"type": "shop.paid", "key": choices[0]["key"]})).json()
        assert chosen["event"] == '{"newest": true}'
        assert (await http.get("/studio/file")).json()["choices"]["newest"] == choices
        gone = await http.get("/studio/event", params={"type": "shop.paid", "key": "newest:orders/0/6"})
        assert gone.status_code == 404


async def test_another_site_cannot_have_them_read(bench: Answering) -> None:
    """Reading takes time of Kafka's."""
    newest = OneEvent()
    async with _client(bench, newest) as http:
        answer = await http.post("/studio/newest", data={}, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 403
        assert (await http.post("/studio/newest", headers={"host": "evil.example"})).status_code == 421
    assert newest.readings == 0


async def test_without_a_configuration_there_are_none(http: httpx.AsyncClient) -> None:
    """As in the service's own page: neither button nor route."""
    assert "newest" not in (await http.get("/studio")).text
    assert (await http.post("/studio/newest")).status_code == 404
