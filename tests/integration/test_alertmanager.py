"""A real Alertmanager by the example in deploy/: who is notified, and what is suppressed while its cause is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.broker.handle import Unavailable
from tests.fakes import plain_http
from tests.observability.prometheus import alertmanager

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "prometheus" / "alertmanager.yaml"
TIMEOUT = 120.0
"""Seconds; only a failing test, or a very busy machine, ever waits so long."""
STEADY = 30
SHOP = {"namespace": "shop", "job": "notice-pipeline"}
Reported = Callable[..., set[str]]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        with alertmanager(tmp_path_factory.mktemp("alertmanager"), CONFIGURATION) as address:
            yield address
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture
def reported(address: str, request: pytest.FixtureRequest) -> Reported:
    """`reported({"alertname": …}, …)`: fire these, and return those that notified."""
    test = request.node.name

    def fire(*alerts: Mapping[str, str]) -> set[str]:
        url = f"http://{address}/api/v2/alerts"
        fired = [{"labels": {**SHOP, "test": test, **labels}} for labels in alerts]
        # Equal labels of two tests must not meet: the job of each is its own.
        for alert in fired:
            alert["labels"]["job"] += f"/{test}"
        httpx.post(url, json=fired, timeout=10, trust_env=False).raise_for_status()
        deadline = time.monotonic() + TIMEOUT
        steady: list[set[str]] = []
        # What holds another back is heard of a moment after it is listed: an answer counts when it stays.
        while len(steady) < STEADY:
            query = {"filter": f'test="{test}"'}
            found = plain_http.get(url, params=query, timeout=10).json()
            active = {one["labels"]["alertname"] for one in found if one["status"]["state"] == "active"}
            if len(found) < len(fired) or (steady and active != steady[-1]):
                steady = []
            else:
                steady.append(active)
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return steady[-1]

    return fire


CAUSES = (
    "NoticeKafkaUnreachable",
    "NoticeBreakerOpen",
    "NoticeSendingUnauthorised",
    "NoticeQuotaSpent",
    "NoticeTokenRefreshFailing",
)
FOLLOWS = (
    "NoticePipelineStalled",
    "NoticeFrontierOld",
    "NoticeConsumerLagGrowing",
    "NoticeDelayFastBurn",
    "NoticeDelaySlowBurn",
)


@pytest.mark.parametrize("cause", CAUSES)
def test_what_follows_from_a_halt_is_held_back(reported: Reported, cause: str) -> None:
    """One page for one cause; what does not follow from it is reported nevertheless."""
    alerts = [{"alertname": name} for name in (cause, *FOLLOWS, "NoticeDeliveryFastBurn")]
    assert reported(*alerts) == {cause, "NoticeDeliveryFastBurn"}


def test_a_growing_lag_is_reported_once(reported: Reported) -> None:
    """Late messages and old events are the same trouble."""
    names = ("NoticeConsumerLagGrowing", "NoticeDelayFastBurn", "NoticeDelaySlowBurn", "NoticeFrontierOld")
    assert reported(*({"alertname": name} for name in names)) == {"NoticeConsumerLagGrowing"}


def test_a_member_that_restarts_is_not_reported_as_down(reported: Reported) -> None:
    """Of another member it is."""
    restarting = {"alertname": "NoticePipelineRestarting", "instance": "a"}
    assert reported(restarting, {"alertname": "NoticePipelineMemberDown", "instance": "a"}) == {
        "NoticePipelineRestarting"
    }


def test_another_members_end_is_reported_beside_it(reported: Reported) -> None:
    """It has a cause of its own."""
    restarting = {"alertname": "NoticePipelineRestarting", "instance": "a"}
    down = {"alertname": "NoticePipelineMemberDown", "instance": "b"}
    assert reported(restarting, down) == {"NoticePipelineRestarting", "NoticePipelineMemberDown"}


def test_another_installation_is_not_held_back(reported: Reported) -> None:
    """Its delay has a cause of its own."""
    lag = {"alertname": "NoticeConsumerLagGrowing"}
    late = {"alertname": "NoticeDelayFastBurn", "namespace": "another"}
    assert reported(lag, late) == {"NoticeConsumerLagGrowing", "NoticeDelayFastBurn"}
