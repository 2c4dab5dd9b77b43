"""User and password for the pages."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pipeline.adapters.clock import SystemClock
from pipeline.bootstrap.access import page_password
from pipeline.errors import ConfigurationError
from pipeline.runtime.credentials import Credentials
from pipeline.settings.observing import HttpSettings
from pipeline.web.access import BasicAuth, PagePassword, gate
from pipeline.web.endpoint import Probes, make_app

USER, PASSWORD = "sre", "canary-pässword"


def app(*, metrics_open: bool = True) -> httpx.AsyncClient:
    probes = Probes(live=lambda: (True, "ok"), ready=lambda: (True, "ok"), metrics=lambda: ([b"m 1\n"], "text/plain"))
    page = Route("/", lambda _: PlainTextResponse("the page"))
    middleware = Middleware(BasicAuth, password=PagePassword(USER, PASSWORD), metrics_open=metrics_open)
    transport = httpx.ASGITransport(make_app(probes, [page], middleware=[middleware]))
    return httpx.AsyncClient(transport=transport, base_url="http://pipeline")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with app() as client:
        yield client


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


async def test_who_knows_the_password_sees_the_page(http: httpx.AsyncClient) -> None:
    """In UTF-8, as the challenge requests."""
    answer = await http.get("/", headers=basic(f"{USER}:{PASSWORD}"))
    assert answer.text == "the page"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(f"{USER}:wrong"),
        basic(f"other:{PASSWORD}"),
        basic(f"{USER}:{PASSWORD}x"),
        basic(""),
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic " + "A" * 100_000},
        {"authorization": f"Bearer {PASSWORD.encode().hex()}"},
    ],
)
async def test_others_need_a_password(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """401 with a challenge and the security headers; nothing of the page, nor of the password."""
    answer = await http.get("/", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="notice-pipeline", charset="UTF-8"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert "content-security-policy" in answer.headers
    assert "canary" not in answer.text


async def test_probes_are_open(http: httpx.AsyncClient) -> None:
    """Anyone who requests them has no password; paths that only look like theirs are not open."""
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await http.get(path)).status_code == 200, path
    for path in ("/metrics/", "/healthz/x", "//metrics", "/healthz%2f..%2f"):
        assert (await http.get(path)).status_code == 401, path


async def test_metrics_may_be_closed() -> None:
    """Where that is configured."""
    async with app(metrics_open=False) as http:
        assert (await http.get("/metrics")).status_code == 401
        assert (await http.get("/metrics", headers=basic(f"{USER}:{PASSWORD}"))).status_code == 200


def test_the_password_is_not_kept() -> None:
    """Only its digest is: it cannot be in anything that is logged."""
    assert "canary" not in repr(vars(PagePassword(USER, PASSWORD)))


async def test_the_password_can_be_replaced() -> None:
    """The new one is requested from then on, and the old one is refused."""
    password = PagePassword(USER, PASSWORD)
    probes = Probes(live=lambda: (True, "ok"), ready=lambda: (True, "ok"), metrics=lambda: ([b"m 1\n"], "text/plain"))
    page = Route("/", lambda _: PlainTextResponse("the page"))
    transport = httpx.ASGITransport(make_app(probes, [page], middleware=gate(password, metrics_open=True)))
    async with httpx.AsyncClient(transport=transport, base_url="http://pipeline") as http:
        assert (await http.get("/", headers=basic(f"{USER}:{PASSWORD}"))).status_code == 200
        password.use("newer")
        assert (await http.get("/", headers=basic(f"{USER}:{PASSWORD}"))).status_code == 401
        assert (await http.get("/", headers=basic(f"{USER}:newer"))).status_code == 200


async def test_the_password_can_be_in_a_file(tmp_path: Path) -> None:
    """Without the line's end, and read again when it changes; one that cannot be read is reported at start."""
    path = tmp_path / "password"
    path.write_text("secret\n")
    credentials = Credentials(SystemClock())
    password = page_password(HttpSettings(user="sre", password_file=path), credentials)
    assert password is not None
    assert password.expected == PagePassword("sre", "secret").expected
    path.write_text("newer\n")
    credentials.request()
    await credentials.look()
    assert password.expected == PagePassword("sre", "newer").expected
    assert page_password(HttpSettings(), credentials) is None
    with pytest.raises(ConfigurationError):
        page_password(HttpSettings(user="sre", password_file=tmp_path / "nowhere"), credentials)


@pytest.mark.parametrize(
    "given",
    [
        {"user": "sre"},
        {"password": SecretStr("x")},
        {"user": "sre", "password": SecretStr("x"), "password_file": Path("y")},
        {"user": "a:b", "password": SecretStr("x")},
        {"user": "", "password": SecretStr("x")},
        {"user": "sre", "password": SecretStr("")},
    ],
)
def test_half_a_configuration_is_none(given: dict[str, object]) -> None:
    """A page that was meant to be closed must not be open by a slip."""
    with pytest.raises(ValidationError):
        HttpSettings.model_validate(given)
