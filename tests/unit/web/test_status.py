"""The status page over HTTP, without a socket."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt
from pipeline.model.outcome import OutcomeKind
from pipeline.model.pause import Pause, Scope, ScopeKind
from pipeline.web.endpoint import Probes, make_app
from pipeline.web.pages import Pages
from pipeline.web.rates import STEP_SECONDS
from pipeline.web.status import StatusLinks, StatusPage

from .status_sources import T0, Shop, outcome, rule_set

RUNBOOK_URL = "https://runbooks.example.com/notices"
SEARCH_URL = "https://search.example.com"
PAGES = Pages({"Status": "./"}, "9.9.9")
"""Made once: each compiles its templates."""
HOSTILE = "<script>alert(1)</script>"


def app_of(shop: Shop, configuration: dict[str, str] | None = None) -> httpx.AsyncClient:
    shown = {"environment": "production", **(configuration or {})}
    status = StatusPage(PAGES, shop.watch().status, shown, StatusLinks(RUNBOOK_URL, SEARCH_URL))
    probes = Probes(live=lambda: shop.live, ready=lambda: shop.live, metrics=lambda: ([b""], "text/plain"))
    transport = httpx.ASGITransport(make_app(probes, [*status.routes(), PAGES.route()], PAGES))
    return httpx.AsyncClient(transport=transport, base_url="http://pipeline")


@pytest.fixture
async def shop() -> Shop:
    return Shop()


@pytest.fixture
async def http(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with app_of(shop) as client:
        yield client


async def test_the_page_shows_the_status(shop: Shop, http: httpx.AsyncClient) -> None:
    """Messages, rules, failures and partitions, without any script."""
    shop.tally.ended(outcome(7, OutcomeKind.REJECTED), T0)
    page = (await http.get("/")).text
    for part in ("Sending", "order-paid", "rejected_recipient", "shop.events/0/7", "production", "9.9.9"):
        assert part in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page


async def test_a_halt_links_to_its_section_of_the_runbook(shop: Shop, http: httpx.AsyncClient) -> None:
    """The link has the section's anchor."""
    shop.halt(Halt.UNAUTHORISED, T0)
    page = (await http.get("/")).text
    assert "Sending is stopped because the API refuses our token, since 15:03:20 UTC" in page
    assert f'href="{RUNBOOK_URL}#noticesendingunauthorised"' in page


async def test_json_is_in_english_unless_a_language_is_named(shop: Shop, http: httpx.AsyncClient) -> None:
    """Programs compare its texts; the page of several workers shows them."""
    shop.halt(Halt.QUOTA, T0)
    chinese = {"Accept-Language": "zh"}
    english = (await http.get("/status.json", headers=chinese)).json()
    assert english["messages"][0]["message"].startswith("Sending is stopped because the day's quota is spent")
    named = (await http.get("/status.json?language=zh")).json()
    assert named["messages"][0]["message"].startswith("发送已停止：当天的额度已用完")
    assert named["messages"][0]["advice"].startswith("事件在 Kafka 里等待")
    assert {**named, "messages": english["messages"], "at": english["at"]} == english


async def test_signs_are_sent_only_when_they_change(shop: Shop, http: httpx.AsyncClient) -> None:
    """Screen readers do not read a message twice."""
    page = (await http.get("/")).text
    found = re.search(r'hx-get="(status/messages\?seen=\w+)"', page)
    assert found is not None
    assert (await http.get(f"/{found[1]}")).status_code == 204
    shop.halt(Halt.QUOTA, T0)
    answer = await http.get(f"/{found[1]}")
    assert answer.status_code == 200
    assert "quota" in answer.text


async def test_paused_it_requests_nothing(http: httpx.AsyncClient) -> None:
    """Updates can be stopped, with a script and without."""
    page = (await http.get("/?paused")).text
    assert "hx-get" not in page
    assert "http-equiv" not in page


async def test_json_has_the_same_status(shop: Shop, http: httpx.AsyncClient) -> None:
    """For scripts."""
    shop.tally.ended(outcome(7), T0)
    found = (await http.get("/status.json")).json()
    assert found["totals"]["accepted"] == 1
    assert found["messages"][0]["message"] == "Sending"
    assert found["partitions"] == [
        {"topic": "shop.events", "partition": 0, "lag": 42, "age_seconds": 1.5, "unfinished": 7}
    ]


async def test_hostile_names_are_shown_not_run(shop: Shop) -> None:
    """Whatever an event or a file says is text."""
    shop.tally.ended(outcome(7, OutcomeKind.REJECTED, rule=HOSTILE, event_type=HOSTILE), T0)
    async with app_of(shop, {"kafka.group_id": HOSTILE}) as http:
        for path in ("/", "/status/live"):
            assert "<script>alert" not in (await http.get(path)).text


async def test_every_answer_carries_the_security_headers(http: httpx.AsyncClient) -> None:
    """Pages, static files, mistakes."""
    for path in ("/", "/status.json", "/static/page.css", "/nowhere", "/healthz"):
        headers = (await http.get(path)).headers
        assert "default-src 'self'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff", path


async def test_nothing_inline_and_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    """The content policy would refuse it: no style or handler attribute, no inline script, no other host."""
    page = (await http.get("/")).text
    assert not re.search(r"\s(style|on\w+)=", page)
    assert not re.search(r"<script(?![^>]* src=)|<style", page)
    assert set(re.findall(r'(?:src|href)="(?:https?:)?//([^/"]+)', page)) == set()


@pytest.mark.parametrize("path", ["/static/../headers.py", "/static/..%2fheaders.py", "/static/%2e%2e/x", "/static/"])
async def test_paths_cannot_leave_the_static_files(http: httpx.AsyncClient, path: str) -> None:
    """Names are looked up in a table; no path is read from disk."""
    assert (await http.get(path)).status_code == 404


async def test_mistakes_are_problem_details_for_programs(http: httpx.AsyncClient) -> None:
    """RFC 9457."""
    answer = await http.post("/status.json")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"type": "about:blank", "title": "Method Not Allowed", "status": 405}
    assert "GET" in answer.headers["allow"]


async def test_mistakes_are_a_page_for_people(http: httpx.AsyncClient) -> None:
    """Its links work at any depth."""
    answer = await http.get("/a/b", headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert 'href="../static/page.css' in answer.text


async def test_static_files_are_kept_by_browsers(http: httpx.AsyncClient) -> None:
    """Their address holds their hash."""
    page = (await http.get("/")).text
    found = re.search(r'href="(static/page\.css\?v=\w+)"', page)
    assert found is not None
    answer = await http.get(f"/{found[1]}")
    assert "immutable" in answer.headers["cache-control"]


async def test_a_thousand_rules_stay_a_page(shop: Shop) -> None:
    """The busiest are shown, and it reports it."""
    shop.rules = rule_set(*(f"rule-{number}" for number in range(300)))
    shop.matched = {"rule-299": 5}
    async with app_of(shop) as http:
        page = (await http.get("/")).text
        assert "Those with trouble and the busiest are shown, 200 in all" in page
        assert "rule-299" in page
        assert len((await http.get("/status.json")).json()["rules"]) == 300


async def test_several_apis_are_shown_one_by_one(shop: Shop, http: httpx.AsyncClient) -> None:
    """A table on the page and a list in the JSON; with one API there is neither."""
    assert "apis" not in (await http.get("/status.json")).json()
    assert '<h2 id="apis">' not in (await http.get("/")).text
    shop.halt(Halt.QUOTA, T0, "sms")
    page = (await http.get("/")).text
    assert '<h2 id="apis">' in page
    assert '<th scope="row">sms</th>' in page
    status = (await http.get("/status.json")).json()
    assert [(api["name"], api["halted"], api["in_flight"]) for api in status["apis"]] == [
        ("notices", None, 3),
        ("sms", "quota", 3),
    ]
    assert (status["in_flight"], status["limit"], status["halted"]) == (6, 128, "quota")


async def test_what_is_wrong_comes_first_and_in_plain_text() -> None:
    """Rules that do not send, then those with failures, each with its share and last reason; the others collapsed."""
    shop = Shop(rules=rule_set("fine", "failing", "paused"))
    shop.pauses = [Pause(Scope(ScopeKind.RULE, "paused"), T0)]
    for number in range(8):
        failed = number < 2
        kind = OutcomeKind.REJECTED if failed else OutcomeKind.ACCEPTED
        shop.tally.ended(outcome(number, kind, rule="failing")._replace(code=43101 if failed else 200), T0)
    async with app_of(shop) as http:
        page = (await http.get("/")).text
        status = (await http.get("/status.json")).json()
    order = [page.index(f'<th scope="row">{name}') for name in ("paused", "failing", "fine")]
    assert order == sorted(order)
    assert "1 rule without failures" in page
    assert "last: refused: the customer blocked the account (43101)" in page
    assert "25 %" in page
    assert f'href="{SEARCH_URL}/event/shop.events/0/1"' in page
    rules = {rule["id"]: rule for rule in status["rules"]}
    assert (rules["failing"]["failed_share"], rules["paused"]["paused_since"]) == (0.25, T0)
    assert status["failures"][0]["words"] == "refused: the customer blocked the account (43101)"


async def test_failures_of_one_kind_are_one_line(shop: Shop, http: httpx.AsyncClient) -> None:
    """The newest of them, with how often it came; the JSON has each."""
    for number in range(5):
        shop.tally.ended(outcome(number, OutcomeKind.REJECTED), T0)
    shop.tally.ended(outcome(5, OutcomeKind.REJECTED, rule="order-shipped"), T0)
    page = (await http.get("/")).text
    failures = page[page.index('id="failures-table"') : page.index('id="recent"')]
    assert failures.count("<tr>") == 3
    assert failures.index("shop.events/0/5") < failures.index("5 times") < failures.index("shop.events/0/4")
    assert len((await http.get("/status.json")).json()["failures"]) == 6


async def test_shares_cover_what_the_process_has_seen() -> None:
    """The last hour and day, as far as it goes back."""
    shop = Shop()
    watch = shop.watch()
    watch.sample()
    for number in range(4):
        shop.tally.ended(outcome(number, OutcomeKind.REJECTED if number else OutcomeKind.ACCEPTED), T0)
    shop.clock.time += 7_200
    watch.sample()
    shop.tally.ended(outcome(9), T0)
    shop.clock.time += 60
    hour, day = watch.status().periods
    assert (hour.name, hour.seconds, hour.accepted, hour.failed) == ("hour", 60, 1, 0)
    assert (day.name, day.seconds, day.accepted, day.failed, day.failed_share) == ("day", 7_260, 2, 3, 0.6)


async def test_partitions_with_the_oldest_events_come_first(shop: Shop, http: httpx.AsyncClient) -> None:
    """Those that are done are in the order of their lag, then of their numbers."""
    keys = [TopicPartition("shop.events", number) for number in range(4)]
    ages, lags = (0.0, 0.0, 90.0, 0.0), (0, 0, 1, 7)
    shop.snapshot = shop.snapshot._replace(oldest=dict(zip(keys, ages, strict=True)))
    shop.lag = dict(zip(keys, lags, strict=True))
    page = (await http.get("/")).text
    assert re.findall(r'shop\.events</th><td class="number">(\d)', page) == ["2", "3", "0", "1"]


async def test_partitions_in_which_nothing_waits_are_collapsed(shop: Shop, http: httpx.AsyncClient) -> None:
    """Below the others, with their number."""
    keys = [TopicPartition("shop.events", number) for number in range(4)]
    shop.snapshot = shop.snapshot._replace(oldest=dict.fromkeys(keys, 0.0), spans={})
    shop.lag = dict.fromkeys(keys, 0)
    page = (await http.get("/")).text
    assert "<summary>4 partitions in which nothing waits" in page
    assert 'id="partitions-table"' not in page
    del shop.lag[keys[2]]  # not known yet
    page = (await http.get("/")).text
    assert "<summary>3 partitions in which nothing waits" in page
    assert page.index('id="partitions-table"') < page.index("<summary>3")


async def test_a_young_process_has_one_share_of_failures(http: httpx.AsyncClient) -> None:
    """Its hour and its day are the same."""
    page = (await http.get("/")).text
    assert "Failed since the start" in page
    assert "Failed, last" not in page


async def test_each_value_of_a_curve_can_be_read(shop: Shop) -> None:
    """The newest is at the right end; the axis has the largest."""
    watch = shop.watch()
    for more in (0, 10, 25):
        shop.consumed += more
        watch.sample()
        shop.clock.time += STEP_SECONDS
    shown = StatusPage(PAGES, watch.status, {"environment": "production"})
    app = Starlette(routes=shown.routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pipeline") as http:
        page = (await http.get("/status/live")).text
    values = re.findall(r'data-value="([^"]+)"', page)
    assert values[:2] == ["2.00 per second, 5.0 s ago", "5.00 per second"]
    assert "<span>5.00</span>" in page
