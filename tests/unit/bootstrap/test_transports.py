"""Which HTTP client the configuration chooses."""

from __future__ import annotations

import sys

import pytest

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.bootstrap.notices import notices_api
from pipeline.errors import ConfigurationError
from pipeline.ports import NoticesApi
from pipeline.runtime.credentials import Credentials
from pipeline.settings.model import NoticesSettings


@pytest.fixture(autouse=True)
def _without_pyreqwest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pipeline.adapters.notices_api.pyreqwest", raising=False)
    monkeypatch.setitem(sys.modules, "pyreqwest", None)


SIGN = {"algorithm": "md5", "header": "Signature", "secret": "s"}


def chosen(key: str = "notices", /, **notices: object) -> NoticesApi:
    settings = NoticesSettings.model_validate({"url": "https://api.invalid/", "token": "t", **notices})
    clock = SystemClock()
    return notices_api(settings, key, Credentials(clock), clock)


@pytest.mark.parametrize("proxy", [None, "http://proxy.invalid:3128"])
def test_the_default_needs_no_extra(proxy: str | None) -> None:
    """Also not for https through a proxy."""
    assert isinstance(chosen(proxy=proxy), LoopNoticesApi)


def test_a_transport_that_is_not_installed_names_its_extra() -> None:
    """At start, with the command that installs it."""
    with pytest.raises(ConfigurationError, match="pyreqwest is not installed") as caught:
        chosen(transport="pyreqwest")
    assert caught.value.hint is not None
    assert "notice-pipeline[pyreqwest]" in caught.value.hint


@pytest.mark.parametrize(
    ("notices", "setting"),
    [
        ({"transport": "pyreqwest"}, "`apis.life.transport`"),
        ({"parameters": {"sign": {**SIGN, "over": "{nonce}{secret}"}}}, "`apis.life.parameters.sign.over`"),
    ],
)
def test_a_fault_names_the_setting_of_its_api(notices: dict[str, object], setting: str) -> None:
    """Someone with several APIs looks at the right one."""
    with pytest.raises(ConfigurationError) as caught:
        chosen("apis.life", **notices)
    assert caught.value.message.startswith(setting)
    assert "`notices" not in caught.value.message
