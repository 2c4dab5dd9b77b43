"""A schema registry that is locked, ill, or none at all: what the client says of it."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from pipeline.adapters.events.registry import MAX_ANSWER, RegistryOptions, SchemaRegistry
from pipeline.errors import ConfigurationError, RegistryAway, SchemaError, SchemaUnavailable, Unreachable
from pipeline.web.listener import listen
from tests.fakes.registry import FakeRegistry
from tests.fakes.scripted_server import ScriptedServer, drip

AVRO = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def fake(server: FakeRegistry) -> FakeRegistry:
    """Empty, open and well."""
    server.forget()
    return server


@pytest.fixture
def client(fake: FakeRegistry) -> Iterator[SchemaRegistry]:
    registry = SchemaRegistry(RegistryOptions(fake.url + "/"))
    yield registry
    registry.close()


BAD_ANSWERS = [
    PlainTextResponse("<html>", 200),
    PlainTextResponse("not here", 404),
    PlainTextResponse("\ufeff{", 200),
    PlainTextResponse("[" * 200_000, 200),
    PlainTextResponse("9" * (MAX_ANSWER + 1), 200),
    JSONResponse({"error_code": 50001, "message": "store is down"}, 500),
    JSONResponse({"error_code": 40101, "message": "Unauthorized"}, 401),
    JSONResponse({"message": "Forbidden"}, 403),
    JSONResponse(None),
    JSONResponse([]),
    JSONResponse({"schema": 7}),
    RedirectResponse("http://127.0.0.1:1/"),
    Response(status_code=204),
]


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=lambda answer: f"{answer.status_code}-{answer.body[:12]!r}")
def test_what_is_not_a_sensible_answer_is_requested_again(
    fake: FakeRegistry, client: SchemaRegistry, answer: Response
) -> None:
    """No record is given up for a registry's bad day: only its own "not found" is final."""
    fake.answers.append(answer)
    with pytest.raises(SchemaUnavailable):
        client.by_id(1)
    fake.answers.append(answer)
    with pytest.raises(Unreachable):
        client.register("s", AVRO)


def test_a_redirect_names_where_it_points(fake: FakeRegistry, client: SchemaRegistry) -> None:
    """The usual cause is http in place of https, or a path that is missing."""
    fake.answers.append(RedirectResponse("https://registry.example.com/apis/ccompat/v7/subjects?key=canary", 301))
    with pytest.raises(
        Unreachable, match=r"answers 301: .*Location: https://registry.*/ccompat/v7/subjects$"
    ) as caught:
        client.register("s", AVRO)
    assert "schemas.registry_url" in str(caught.value.hint)


def test_a_registry_that_is_away_is_reported() -> None:
    """At start as a user's matter, later as a reason to wait."""
    client = SchemaRegistry(RegistryOptions("http://127.0.0.1:1"))
    with pytest.raises(SchemaUnavailable, match="does not answer"):
        client.by_id(1)
    with pytest.raises(Unreachable, match="does not answer"):
        client.register("s", AVRO)
    client.close()


def test_a_registry_that_is_silent_is_away() -> None:
    """The timeout bounds how long a start hangs."""
    with listen("127.0.0.1", 0) as silent:
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unreachable, match="does not answer: timed out"):
            versions(url, timeout_seconds=0.05)


@pytest.mark.parametrize(
    ("schema", "more", "message"),
    [
        ("{", {}, "not an Avro schema in JSON"),
        ("[" * 100_000, {}, "not an Avro schema in JSON"),
        ('"string"', {}, "must be a record"),
        ("syntax", {"schemaType": "PROTOBUF"}, "PROTOBUF"),
        (AVRO, {"references": [{"name": "x"}]}, "not an Avro schema in JSON"),
        ([{"type": ["null", "string"]}, "int"], {}, "must be a record"),
        ([{"type": {"type": "string"}}], {}, "must be a record"),
        ([json.loads("[" * 900 + '"int"' + "]" * 900), AVRO], {}, "nested too deeply"),
        (AVRO, {"ruleSet": {"encodingRules": [{"name": "r", "type": "ENCRYPT_PAYLOAD"}]}}, "encrypted"),
    ],
)
def test_a_schema_of_another_kind_is_reported(
    fake: FakeRegistry, client: SchemaRegistry, schema: object, more: dict[str, object], message: str
) -> None:
    """It is there for certain, so no one waits for it."""
    number = fake.add("s", schema, **more)
    with pytest.raises(SchemaError, match=message):
        client.by_id(number)


TAGGED = {"type": "string", "confluent:tags": ["PII"]}
ENCRYPTS = {"domainRules": [{"name": "encryptPII", "type": "ENCRYPT", "tags": ["PII"]}]}


def test_tags_of_encrypted_fields_are_found_wherever_they_stand(fake: FakeRegistry, client: SchemaRegistry) -> None:
    """In the schema, in one that it uses, or in the metadata beside it; without them the rule encrypts nothing."""
    plain = client.by_id(fake.add("plain", AVRO, ruleSet=ENCRYPTS))
    assert plain == AVRO
    fake.add("below", {"type": "record", "name": "shop.Buyer", "fields": [{"name": "n", "type": TAGGED}]})
    uses = {**AVRO, "fields": [{"name": "buyer", "type": "shop.Buyer"}]}
    below = [{"name": "shop.Buyer", "subject": "below", "version": 1}]
    encrypted = [
        fake.add("own", {**AVRO, "fields": [{"name": "n", "type": TAGGED}]}, ruleSet=ENCRYPTS),
        fake.add("used", uses, references=below, ruleSet=ENCRYPTS),
        fake.add("beside", AVRO, metadata={"tags": {"R.a": ["PII"]}}, ruleSet=ENCRYPTS),
    ]
    for number in encrypted:
        with pytest.raises(SchemaError, match="encrypted by their writer, rule `encryptPII`"):
            client.by_id(number)
    with pytest.raises(SchemaError, match="encrypted"):
        client.newest("used")


@pytest.mark.parametrize("size", [1_000, MAX_ANSWER + 1])
def test_a_compressed_answer_is_bounded_unpacked(fake: FakeRegistry, client: SchemaRegistry, size: int) -> None:
    """A gateway may compress what it was not asked to; a few bytes may stand for any number."""
    answer = gzip.compress(json.dumps({"schema": json.dumps({**AVRO, "doc": "x" * size})}).encode())
    fake.answers.append(Response(answer, headers={"Content-Encoding": "gzip"}))
    if size > MAX_ANSWER:
        with pytest.raises(SchemaUnavailable):
            client.by_id(1)
    else:
        assert client.by_id(1) == {**AVRO, "doc": "x" * size}


async def test_an_answer_that_comes_byte_by_byte_ends() -> None:
    """Each byte comes in time; the answer would take hours."""
    dripping = drip([b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", *[b" "] * 100_000], 0.02)
    async with ScriptedServer(dripping) as server:
        client = SchemaRegistry(RegistryOptions(server.url, timeout_seconds=0.1))
        with pytest.raises(SchemaUnavailable, match="does not end"):
            await asyncio.to_thread(client.by_id, 1)
        client.close()


def test_references_are_bounded(fake: FakeRegistry, client: SchemaRegistry) -> None:
    """Each costs a request while events wait; a circle of them ends."""
    many = [{"name": "N", "subject": f"below-{n}", "version": 1} for n in range(101)]
    for n in range(101):
        fake.add(f"below-{n}", {**AVRO, "name": f"N{n}"})
    with pytest.raises(SchemaError, match="more than"):
        client.by_id(fake.add("many", AVRO, references=many))
    circle = {"name": "shop.Circle", "subject": "circle", "version": 1}
    number = fake.add("circle", {**AVRO, "fields": [{"name": "c", "type": "shop.Circle"}]}, references=[circle])
    assert client.by_id(number) is not None


def test_references_of_references_are_found(fake: FakeRegistry, client: SchemaRegistry) -> None:
    """Each type is defined once, where it is used first."""
    fake.add("cents", {"type": "enum", "name": "shop.Unit", "symbols": ["CENT"]})
    unit = {"name": "shop.Unit", "subject": "cents", "version": 1}
    money = {"type": "record", "name": "Money", "namespace": "shop", "fields": [{"name": "u", "type": "Unit"}]}
    fake.add("money", money, references=[unit])
    order = {
        "type": "record",
        "name": "shop.Order",
        "fields": [{"name": "price", "type": ["null", "Money"]}, {"name": "unit", "type": "Unit"}],
    }
    references = [{"name": "shop.Money", "subject": "money", "version": 1}, unit]
    whole = client.by_id(fake.add("order", order, references=references))
    assert json.dumps(whole).count("CENT") == 1
    assert json.dumps(whole).index("CENT") < json.dumps(whole).index('"unit"')


def versions(url: str, **options: Any) -> object:  # noqa: ANN401 - whatever RegistryOptions takes
    """One request with these options."""
    with closing(SchemaRegistry(RegistryOptions(url, **options))) as client:
        return client.versions("s")


def test_user_and_password_or_token_let_us_in(fake: FakeRegistry) -> None:
    """And neither is ever part of what is reported."""
    fake.basic = ("me", "hunter2")
    with pytest.raises(Unreachable, match="does not accept our credentials"):
        versions(fake.url)
    with pytest.raises(Unreachable) as refused:
        versions(fake.url, user="me", password="hunter3")
    assert "hunter3" not in str(refused.value)
    assert versions(fake.url, user="me", password="hunter2") == ()
    fake.basic, fake.bearer = None, "token-1"
    assert versions(fake.url, token="token-1") == ()


READ_ONLY = [(403, 40301), (422, 42205)]


@pytest.mark.parametrize("refusal", READ_ONLY)
def test_a_user_who_may_only_read_finds_what_is_registered(
    fake: FakeRegistry, client: SchemaRegistry, refusal: tuple[int, int]
) -> None:
    """Another has registered it: its id is all that is needed."""
    number = client.register("s", AVRO)
    fake.read_only = refusal
    assert client.register("s", AVRO) == number


@pytest.mark.parametrize("refusal", READ_ONLY)
def test_a_user_who_may_only_read_learns_what_must_be_registered(
    fake: FakeRegistry, client: SchemaRegistry, refusal: tuple[int, int]
) -> None:
    """With the subject, and the registry's own message; user and password are right."""
    fake.read_only = refusal
    with pytest.raises(Unreachable, match=r"does not let this user register a schema of s, .* denied") as caught:
        client.register("s", AVRO)
    assert not isinstance(caught.value, RegistryAway)
    assert "schemas register" in str(caught.value.hint)
    assert "password" not in str(caught.value.hint)


def test_who_may_not_read_either_is_told_so(fake: FakeRegistry, client: SchemaRegistry) -> None:
    """A 403 is about rights, a 401 about user and password."""
    fake.answers = [JSONResponse({"error_code": 40301, "message": "denied"}, 403) for _ in range(2)]
    with pytest.raises(Unreachable, match=r"gives this user no right to read \(403\): denied"):
        client.register("s", AVRO)


@pytest.mark.parametrize(
    ("answer", "away"),
    [
        (PlainTextResponse("no upstream", 503), True),
        (JSONResponse({"error_code": 50001, "message": "store is down"}, 500), True),
        (JSONResponse({"message": "slow down"}, 429), True),
        (JSONResponse({"message": "Unauthorized"}, 401), False),
        (JSONResponse({"message": "Forbidden"}, 403), False),
        (PlainTextResponse("<html>"), False),
    ],
    ids=lambda given: str(getattr(given, "status_code", given)),
)
def test_what_a_service_waits_for_at_its_start(
    fake: FakeRegistry,
    client: SchemaRegistry,
    answer: Response,
    away: bool,  # noqa: FBT001 - a parameter of pytest's
) -> None:
    """A registry that is down is waited for; one that refuses us, or is none, is a mistake to report."""
    fake.answers = [answer]
    with pytest.raises(Unreachable) as caught:
        client.subjects()
    assert isinstance(caught.value, RegistryAway) == away


def test_a_registry_that_is_not_there_is_away() -> None:
    """No connection, so it may come."""
    with pytest.raises(RegistryAway, match="does not answer"):
        versions("http://127.0.0.1:1")


def test_a_proxy_is_asked_instead(fake: FakeRegistry) -> None:
    """It gets the whole address; the registry's name is not looked up here."""
    assert versions("http://registry.invalid", proxy=fake.url) == ()
    assert fake.requests == ["GET /subjects/s/versions"]


def test_a_ca_file_must_be_one(fake: FakeRegistry) -> None:
    """Reported before anything is asked."""
    with pytest.raises(ConfigurationError, match="SSLError"):
        SchemaRegistry(RegistryOptions(fake.url, ca_pem=b"no certificate"))


def test_no_proxy_of_the_environment_is_used(fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the configuration does not say does not happen."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert versions(fake.url) == ()
