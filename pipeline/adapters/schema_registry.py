"""The schema registry, in Confluent's HTTP dialect, on confluent-kafka's own client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

import httpx
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from pipeline.errors import SchemaError, SchemaUnavailable, Unreachable

NOT_FOUND = frozenset({40401, 40402, 40403})
"""Error codes for subject, version and schema not found (Confluent's API reference)."""


class RegistryOptions(NamedTuple):
    """Where the registry is and how to get in."""

    url: str
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None
    timeout_seconds: float = 5.0


class SchemaRegistry:
    """Schemas by id and by subject. Every call may block: never call it from the loop's thread."""

    def __init__(self, options: RegistryOptions) -> None:
        settings: dict[str, object] = {
            "url": options.url,
            "timeout": options.timeout_seconds,
            "max.retries": 1,
            "retries.wait.ms": 100,
        }
        if options.user is not None:
            settings["basic.auth.user.info"] = f"{options.user}:{options.password or ''}"
        if options.ca_file is not None:
            settings["ssl.ca.location"] = options.ca_file
        self._url = options.url
        self._client = SchemaRegistryClient(settings)

    def by_id(self, schema_id: int) -> Mapping[str, object] | None:
        """The Avro schema of that id; None where the registry says that there is none.

        Raises:
            SchemaUnavailable: the registry does not answer, or not sensibly.
        """
        try:
            schema = self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.error_code in NOT_FOUND or error.http_status_code == 404:  # noqa: PLR2004 - RFC 9110
                return None
            raise SchemaUnavailable(f"{self._url}: {error.error_message}") from None
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise SchemaUnavailable(f"{self._url}: {error}") from None
        return self._avro(schema, schema_id)

    def _avro(self, schema: Schema, schema_id: int) -> Mapping[str, object] | None:
        if (schema.schema_type or "AVRO") != "AVRO" or schema.schema_str is None:
            return None
        try:
            avro = json.loads(schema.schema_str)
        except ValueError:
            raise SchemaUnavailable(f"{self._url}: schema {schema_id} is not JSON") from None
        if not isinstance(avro, dict):
            return None
        for reference in schema.references or ():
            below = self._client.get_version(str(reference.subject), int(reference.version or 1)).schema
            avro = inline(avro, str(reference.name), json.loads(below.schema_str or "{}"))
        return dict(avro)

    def register(self, subject: str, avro: Mapping[str, object]) -> int:
        """Register a schema, or find it there already; its id.

        Raises:
            Unreachable: the registry does not answer.
            SchemaError: the registry refuses it, as incompatible for example.
        """
        try:
            return int(self._client.register_schema(subject, Schema(json.dumps(avro), "AVRO")))
        except SchemaRegistryError as error:
            raise SchemaError(f"{subject}: the registry refuses the schema: {error.error_message}") from None
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"the schema registry at {self._url} does not answer: {error}") from None


def inline(avro: object, name: str, schema: object) -> dict[str, object]:
    """`avro` with the first use of the type `name` replaced by its definition; later uses find it by name."""
    replaced = False

    def walk(node: object) -> object:
        nonlocal replaced
        if node == name and not replaced:
            replaced = True
            return schema
        if isinstance(node, list):
            return [walk(part) for part in node]
        if isinstance(node, dict):
            return {
                key: walk(value) if key in {"type", "items", "values", "fields"} else value
                for key, value in node.items()
            }
        return node

    result = walk(avro)
    return result if isinstance(result, dict) else {}
