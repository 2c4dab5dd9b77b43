"""A real Alertmanager by the example in deploy/: who is told, and what is held back while its cause is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.broker.handle import Unavailable
from tests.observability.prometheus import alertmanager

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "prometheus" / "alertmanager.yaml"
PATIENCE = 30.0
STEADY = 10
SHOP = {"namespace": "shop", "job": "notice-pipeline"}
Told = Callable[..., set[str]]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        with alertmanager(tmp_path_factory.mktemp("alertmanager"), CONFIGURATION) as address:
            yield address
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture
def told(address: str, request: pytest.FixtureRequest) -> Told:
    """`told({"alertname": …}, …)`: fire these, and see of which somebody is told."""
    test = request.node.name

    def fire(*alerts: Mapping[str, str]) -> set[str]:
        url = f"http://{address}/api/v2/alerts"
        fired = [{"labels": {**SHOP, "test": test, **labels}} for labels in alerts]
        # Equal labels of two tests must not meet: the job of each is its own.
        for alert in fired:
            alert["labels"]["job"] += f"/{test}"
        httpx.post(url, json=fired, timeout=10, trust_env=False).raise_for_status()
        deadline = time.monotonic() + PATIENCE
        steady: list[set[str]] = []
        # What holds another back is heard of a moment after it is listed: an answer counts when it stays.
        while len(steady) < STEADY:
            query = {"filter": f'test="{test}"'}
            found = httpx.get(url, params=query, timeout=10, trust_env=False).json()
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
def test_what_follows_from_a_halt_is_held_back(told: Told, cause: str) -> None:
    """One page for one cause; what does not follow from it is told all the same."""
    alerts = [{"alertname": name} for name in (cause, *FOLLOWS, "NoticeDeliveryFastBurn")]
    assert told(*alerts) == {cause, "NoticeDeliveryFastBurn"}


def test_a_growing_lag_is_told_once(told: Told) -> None:
    """Late messages and old events are the same trouble."""
    names = ("NoticeConsumerLagGrowing", "NoticeDelayFastBurn", "NoticeDelaySlowBurn", "NoticeFrontierOld")
    assert told(*({"alertname": name} for name in names)) == {"NoticeConsumerLagGrowing"}


def test_a_member_that_restarts_is_not_told_of_as_down(told: Told) -> None:
    """Of another member it is."""
    restarting = {"alertname": "NoticePipelineRestarting", "instance": "a"}
    assert told(restarting, {"alertname": "NoticePipelineMemberDown", "instance": "a"}) == {"NoticePipelineRestarting"}


def test_another_members_end_is_told_beside_it(told: Told) -> None:
    """It has a cause of its own."""
    restarting = {"alertname": "NoticePipelineRestarting", "instance": "a"}
    down = {"alertname": "NoticePipelineMemberDown", "instance": "b"}
    assert told(restarting, down) == {"NoticePipelineRestarting", "NoticePipelineMemberDown"}


def test_another_installation_is_not_held_back(told: Told) -> None:
    """Its delay has a cause of its own."""
    lag = {"alertname": "NoticeConsumerLagGrowing"}
    late = {"alertname": "NoticeDelayFastBurn", "namespace": "another"}
    assert told(lag, late) == {"NoticeConsumerLagGrowing", "NoticeDelayFastBurn"}
