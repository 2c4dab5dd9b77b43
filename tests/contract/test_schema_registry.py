"""What the product asks of a schema registry, on the tests' fake and on a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from pipeline.adapters.events.registry import RegistryOptions, SchemaRegistry
from pipeline.errors import SchemaError, Unreachable
from tests.broker.handle import Unavailable
from tests.fakes.registry import FakeRegistry
from tests.jvm.apicurio import Apicurio

ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [{"name": "no", "type": "string"}, {"name": "amount", "type": "shop.Money"}],
}
MONEY = {
    "type": "record",
    "name": "Money",
    "namespace": "shop",
    "fields": [{"name": "cents", "type": "long"}, {"name": "currency", "type": "string"}],
}


def record(*names: str, default: str | None = None) -> dict[str, object]:
    """A record of texts; with `default`, the last of them has one."""
    fields: list[dict[str, object]] = [{"name": name, "type": "string"} for name in names]
    if default is not None:
        fields[-1]["default"] = default
    return {"type": "record", "name": "R", "namespace": "shop", "fields": fields}


@pytest.fixture(scope="module")
def apicurio() -> Iterator[str]:
    """A real registry's URL."""
    try:
        with Apicurio() as real:
            real.be_strict()
            yield real.url
    except Unavailable as reason:
        pytest.skip(f"no real schema registry: {reason}")


@pytest.fixture(scope="module")
def fake() -> Iterator[str]:
    """The fake's URL."""
    with FakeRegistry() as registry:
        yield registry.url


@pytest.fixture(scope="module", params=["fake", "apicurio"])
def url(request: pytest.FixtureRequest) -> str:
    """Both, one after the other."""
    return str(request.getfixturevalue(str(request.param)))


@pytest.fixture
def registry(url: str) -> Iterator[SchemaRegistry]:
    client = SchemaRegistry(RegistryOptions(url))
    yield client
    client.close()


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> str:
    """A subject of this test alone, with what may be in a topic's name."""
    return f"{request.node.originalname}_x.y-value"


def test_what_is_registered_is_found_by_its_id(registry: SchemaRegistry, subject: str) -> None:
    """A schema comes back under the id that its registration gave."""
    number = registry.register(subject, record("a"))
    assert registry.by_id(number) == record("a")


def test_registering_again_gives_the_same_id(registry: SchemaRegistry, subject: str) -> None:
    """Every member of the group registers the outcome schema at its start: it stays one version."""
    first = registry.register(subject, record("a"))
    assert registry.register(subject, record("a")) == first
    assert len(registry.versions(subject)) == 1


def test_a_schema_is_found_by_its_content(registry: SchemaRegistry, subject: str) -> None:
    """As a user does who may only read; what is not registered is reported as such."""
    number = registry.register(subject, record("a"))
    path = f"/subjects/{subject}"
    assert registry._look_up(subject, path, {"schema": json.dumps(record("a")), "schemaType": "AVRO"}, None) == number
    with pytest.raises(Unreachable, match="not registered yet"):
        registry._look_up(subject, path, {"schema": json.dumps(record("b")), "schemaType": "AVRO"}, None)


def test_an_unknown_id_is_none_for_certain(registry: SchemaRegistry) -> None:
    """The registry's own "not found" is an answer, not a failure."""
    assert registry.by_id(1_999_999) is None


def test_versions_come_oldest_first(registry: SchemaRegistry, subject: str) -> None:
    """A subject's versions are in the order of their registration."""
    registry.register(subject, record("a"))
    registry.register(subject, record("a", "b", default=""))
    versions = registry.versions(subject)
    assert [one.version for one in versions] == [1, 2]
    assert [one.avro for one in versions] == [record("a"), record("a", "b", default="")]


def test_an_unknown_subject_has_no_versions(registry: SchemaRegistry) -> None:
    """Nothing is registered under a name no one used."""
    assert registry.versions("never-used") == ()


def test_an_incompatible_version_is_refused(registry: SchemaRegistry, subject: str) -> None:
    """A new field without a default cannot be read from older events, and the registry's message is shown."""
    registry.register(subject, record("a"))
    with pytest.raises(SchemaError, match="refuses"):
        registry.register(subject, record("a", "b"))


def test_what_is_no_schema_is_refused(registry: SchemaRegistry, subject: str) -> None:
    """The registry's word on an invalid schema reaches the user."""
    with pytest.raises(SchemaError, match="refuses"):
        registry.register(subject, {"type": "record", "name": "R", "fields": [{"name": "a", "type": "nothing"}]})


@pytest.mark.parametrize("twice", [False, True])
def test_references_are_made_whole(url: str, registry: SchemaRegistry, subject: str, twice: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    """A type defined by another subject is in the schema at its first use, and by name at others."""
    registry.register(f"{subject}-money", MONEY)
    order = {**ORDER, "fields": [*ORDER["fields"], {"name": "fee", "type": "Money"}]} if twice else ORDER
    number = _register_with_reference(url, f"{subject}-{twice}", order, f"{subject}-money")
    avro = registry.by_id(number)
    assert isinstance(avro, dict)
    fields = avro["fields"]
    assert isinstance(fields, list)
    assert fields[1]["type"]["fields"] == MONEY["fields"]
    assert [field["type"] for field in fields[2:]] == (["shop.Money"] if twice else [])


def _register_with_reference(url: str, subject: str, avro: object, below: str) -> int:
    """The product registers no references of its own: this is what a sender's tool does."""
    reference = {"name": "shop.Money", "subject": below, "version": 1}
    answer = httpx.post(
        f"{url}/subjects/{subject}/versions",
        json={"schema": json.dumps(avro), "references": [reference]},
        trust_env=False,
    )
    return int(answer.raise_for_status().json()["id"])
