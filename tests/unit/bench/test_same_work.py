"""A peer that does less than ours, or otherwise, is found out before it is measured."""

from __future__ import annotations

import orjson
import pytest

from bench.same_work import Requests, differences

Sent = list[tuple[str, str, str]]
"""Key, user and text of each request, in the order of arrival."""
ALL: Sent = [("k1", "ann", "a"), ("k2", "ben", "b"), ("k3", "ann", "c")]


def requests(sent: Sent) -> Requests:
    made = Requests()
    for key, user, text in sent:
        made.claim(key, user, orjson.dumps({"text": text, "to": user}))
    return made


def test_the_same_requests_are_no_difference() -> None:
    """Users take turns as they like; only one user's order counts."""
    assert differences(requests(ALL), requests([ALL[1], ALL[0], ALL[2]])) == []


def test_the_order_of_an_objects_keys_is_no_difference() -> None:
    """JSON gives it no meaning."""
    ours, theirs = requests([ALL[0]]), Requests()
    theirs.claim("k1", "ann", b'{"to":"ann","text":"a"}')
    assert differences(ours, theirs) == []


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (ALL[:2], ["1 not sent by the peer", "1 users whose notices came in another order"]),
        ([*ALL, ("k4", "cid", "d")], ["1 sent by the peer alone"]),
        ([*ALL, ALL[1]], ["1 sent again"]),
        ([*ALL[:2], ("k3", "ann", "other")], ["1 of other content"]),
        ([ALL[2], ALL[1], ALL[0]], ["1 users whose notices came in another order"]),
    ],
)
def test_a_difference_is_reported(sent: Sent, message: list[str]) -> None:
    """Lost, invented, repeated, changed, out of order."""
    assert differences(requests(ALL), requests(sent)) == message


def test_two_notices_of_one_user_at_a_time_are_reported() -> None:
    """Even where they happen to arrive in order."""
    theirs = requests(ALL)
    theirs.arrive("ann")
    theirs.arrive("ann")
    assert differences(requests(ALL), theirs) == ["1 sent while another of the same user was under way"]
