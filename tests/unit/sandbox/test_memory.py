"""What the sandbox remembers."""

from __future__ import annotations

from pipeline.sandbox.credentials import Credentials
from pipeline.sandbox.memory import Claim, Kept, Memory
from pipeline.sandbox.request import Message

MESSAGE = Message("u1", "T1", None, {})


def test_a_keys_life() -> None:
    """Fresh, then running, then done; with another body it is refused, and every attempt counts."""
    memory = Memory(10, 10)
    claim, entry = memory.claim("k", "u1", b"a")
    assert claim is Claim.FRESH
    assert memory.claim("k", "u1", b"a")[0] is Claim.RUNNING
    entry.running, entry.reply = False, Kept(200, b"x")
    assert memory.claim("k", "u1", b"a")[0] is Claim.DONE
    assert memory.claim("k", "u1", b"b")[0] is Claim.OTHER_BODY
    assert entry.attempts == 4


def test_a_key_without_a_final_reply_can_be_tried_again() -> None:
    """A request that ended in a scripted fault leaves its key free."""
    memory = Memory(10, 10)
    _, entry = memory.claim("k", "u1", b"a")
    entry.running = False
    assert memory.claim("k", "u1", b"a")[0] is Claim.FRESH


def test_it_is_bounded() -> None:
    """Messages and keys are kept to their bounds, the newest of them; counts continue."""
    memory = Memory(3, 5)
    for number in range(100):
        memory.claim(f"k{number}", "u1", b"")
        memory.receive(MESSAGE, f"k{number}", 0.0)
    assert [received.number for received in memory.messages] == [98, 99, 100]
    assert memory.order("u1") == ["k95", "k96", "k97", "k98", "k99"]
    assert memory.counts.accepted == 100


def test_order_is_that_of_first_arrivals() -> None:
    """A repeat does not change the order; other recipients do not come into it."""
    memory = Memory(10, 10)
    for key, recipient in (("a", "u1"), ("b", "u2"), ("c", "u1"), ("a", "u1")):
        memory.claim(key, recipient, b"")
    assert memory.order("u1") == ["a", "c"]
    assert list(memory.arrivals()) == [("u1", "a", 2), ("u2", "b", 1), ("u1", "c", 1)]


def test_two_at_once_for_one_recipient_are_counted() -> None:
    """What a pipeline that keeps order must never do is seen here."""
    memory = Memory(10, 10)
    memory.arrive("u1")
    memory.arrive("u2")
    assert memory.counts.overlapping == 0
    memory.arrive("u1")
    assert memory.counts.overlapping == 1
    for recipient in ("u1", "u1", "u2"):
        memory.leave(recipient)
    assert not memory.in_flight


class TestCredentials:
    def test_any_token_is_good_where_none_is_set(self) -> None:
        """Without tokens and clients, a request only needs to show some bearer token."""
        open_to_all = Credentials(frozenset(), {}, 1, lambda: 0.0)
        assert open_to_all.accepts("Bearer x")
        assert open_to_all.accepts("bearer x")
        for header in (None, "", "Bearer", "Bearer ", "Basic x", "x"):
            assert not open_to_all.accepts(header)

    def test_issued_tokens_expire(self) -> None:
        """An issued token is good until its life ends, or until it is revoked."""
        now = [0.0]
        credentials = Credentials(frozenset({"fixed"}), {"us": "s"}, 10, lambda: now[0])
        form = {"grant_type": "client_credentials", "client_id": "us", "client_secret": "s"}
        token = f"Bearer {credentials.grant(form, None).body['access_token']}"
        assert credentials.accepts(token)
        now[0] = 10.0
        assert not credentials.accepts(token)
        assert credentials.accepts("Bearer fixed")
        credentials.replace(frozenset({"other"}))
        assert not credentials.accepts("Bearer fixed")

    def test_requests_for_tokens_that_are_wrong(self) -> None:
        """Each fault has RFC 6749's own error."""
        credentials = Credentials(frozenset(), {"us": "s"}, 10, lambda: 0.0)
        good = {"grant_type": "client_credentials", "client_id": "us", "client_secret": "s"}
        rows = [
            ({}, None, "invalid_request"),
            ({**good, "grant_type": "password"}, None, "unsupported_grant_type"),
            ({**good, "client_secret": "x"}, None, "invalid_client"),
            ({**good, "client_id": "x"}, None, "invalid_client"),
            (good, "Basic !!!", "invalid_client"),
            (good, "Basic /w==", "invalid_client"),
        ]
        for form, header, error in rows:
            assert credentials.grant(form, header).body == {"error": error}

    def test_no_secret_is_printed(self) -> None:
        """The repr counts tokens and names clients, and no more."""
        assert "canary" not in repr(Credentials(frozenset({"canary"}), {"us": "canary"}, 1, lambda: 0.0))


def test_messages_are_found_by_recipient_template_and_text() -> None:
    """Newest first, at most so many; a text is one of a field or of the url, in any case of letters."""
    memory = Memory(10, 10)
    for to, template, url, value in (
        ("u1", "T1", None, "Tea"),
        ("u2", "T1", "https://m.example.com/TEA", "x"),
        ("u1", "T2", None, "y"),
    ):
        memory.receive(Message(to, template, url, {"thing1": (value, None)}), None, 0.0)
    assert [one.number for one in memory.newest(10)] == [3, 2, 1]
    assert [one.number for one in memory.newest(2)] == [3, 2]
    assert [one.number for one in memory.newest(10, recipient="u1")] == [3, 1]
    assert [one.number for one in memory.newest(10, template="T1", text="tea")] == [2, 1]
    assert memory.newest(10, text="coffee") == []
