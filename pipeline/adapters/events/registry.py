"""The schema registry, in Confluent's HTTP dialect (which Apicurio, Redpanda and Karapace speak as well).

On httpx rather than confluent-kafka's own client: that one bounds no answer, takes a proxy from the environment and
lets httpx's errors through beside its own; four kinds of request are all that is needed here.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

import httpx

from pipeline.adapters.events.encryption import require_plain
from pipeline.adapters.events.references import Document, Reference, resolved
from pipeline.adapters.events.writer_schemas import Avro
from pipeline.adapters.inflated import inflated
from pipeline.adapters.redirects import is_redirect, not_followed
from pipeline.errors import ConfigurationError, RegistryAway, SchemaError, SchemaUnavailable, Unreachable
from pipeline.settings.certificates import load_client_certificate

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
NOT_FOUND, SCHEMA_NOT_FOUND = 404, 40403
"""HTTP's status, and Confluent's own code beside it (API reference, "GET /schemas/ids/{int: id}")."""
UNREADABLE = frozenset({409, 422})
"""Incompatible, or not a valid schema (Confluent's API reference, "Register a new schema")."""
UNAUTHENTICATED, FORBIDDEN, NOT_PERMITTED = 401, 403, 42205
"""HTTP's, and Confluent's own code for a subject in a mode that takes no registration, such as READONLY."""
TOO_MANY, SERVER_ERROR = 429, 500
"""From here on the registry, or a gateway before it, cannot answer now."""
MAX_ANSWER = 4_194_304
"""Bytes; the largest schemas in the wild have a few hundred thousand."""
LONGEST_ANSWER = 4
"""Timeouts that one answer may take from its first byte to its last: each byte may come within the timeout."""


class RegistryOptions(NamedTuple):
    """The address of the registry and how to authenticate."""

    url: str
    user: str | None = None
    password: str | None = None
    timeout_seconds: float = 5.0
    token: str | None = None
    """A bearer token, instead of user and password."""
    ca_pem: bytes | None = None
    """Authorities to trust instead of the well-known ones."""
    client_pem: bytes | None = None
    """Our certificate and its key."""
    proxy: str | None = None

    def __repr__(self) -> str:
        """Without anything that is secret."""
        return f"RegistryOptions(url={self.url!r}, user={self.user!r})"


class Registered(NamedTuple):
    """One version of a subject."""

    id: int
    version: int
    avro: Mapping[str, object]


class SchemaRegistry:
    """Schemas by id and by subject. Every call may block: never call it from the loop's thread."""

    def __init__(self, options: RegistryOptions) -> None:
        """No request is made yet.

        Raises:
            ConfigurationError: a certificate cannot be read, or the URL is invalid.
        """
        self._url = options.url.rstrip("/")
        self._timeout_seconds = options.timeout_seconds
        self._client = _client(options)
        self._replaced: list[httpx.Client] = []

    def replacement(self, options: RegistryOptions) -> Callable[[], None]:
        """Prepare other options; the function returned puts them in use. Requests under way end with the old ones.

        Raises:
            ConfigurationError: as at the beginning.
        """
        client = _client(options)

        def use() -> None:
            self._replaced.append(self._client)
            self._client = client
            for old in self._replaced[:-1]:  # the last may still have a request under way
                old.close()
            del self._replaced[:-1]

        return use

    def close(self) -> None:
        """Close connections."""
        for client in (*self._replaced, self._client):
            client.close()

    def by_id(self, key: int | UUID) -> Avro | None:
        """The Avro schema of that id or GUID, references resolved; None where the registry says that there is none.

        Any other "not found" may be of a gateway on the way, and counts as no answer.

        Raises:
            SchemaUnavailable: the registry gives no usable answer.
            SchemaError: the schema is not of Avro, is encrypted, or is beyond what is read.
        """
        path = f"/schemas/guids/{key}" if isinstance(key, UUID) else f"/schemas/ids/{key}"
        try:
            status, answer = self._ask("GET", path)
            if status == NOT_FOUND and isinstance(answer, dict) and answer.get("error_code") == SCHEMA_NOT_FOUND:
                return None
            self._expect(status, answer)
            return self._plain(answer, f"schema {key}")
        except Unreachable as error:
            raise SchemaUnavailable(error.message) from None

    def versions(self, subject: str) -> Sequence[Registered]:
        """Every version of the subject, the oldest first; empty for an unknown one.

        Raises:
            Unreachable: the registry gives no usable answer.
            SchemaError: one of them is not an Avro schema.
        """
        path = f"/subjects/{quote(subject, safe='')}/versions"
        status, numbers = self._ask("GET", path)
        if status == NOT_FOUND:
            return ()
        self._expect(status, numbers)
        if not isinstance(numbers, list):
            raise self._not_a_registry()
        return tuple(self._version(subject, path, number) for number in numbers)

    def subjects(self) -> Sequence[str]:
        """The names of all subjects.

        Raises:
            Unreachable: the registry gives no usable answer.
        """
        status, names = self._ask("GET", "/subjects")
        self._expect(status, names)
        if not isinstance(names, list):
            raise self._not_a_registry()
        return [name for name in names if isinstance(name, str)]

    def newest(self, subject: str) -> Sequence[Mapping[str, object]]:
        """The records of the subject's newest version: one, or the branches of a union; empty for an unknown subject.

        Raises:
            Unreachable: the registry gives no usable answer.
            SchemaError: the schema is not of Avro, is encrypted, or is beyond what is read.
        """
        status, answer = self._ask("GET", f"/subjects/{quote(subject, safe='')}/versions/latest")
        if status == NOT_FOUND:
            return ()
        self._expect(status, answer)
        avro = self._plain(answer, subject)
        return (avro,) if isinstance(avro, Mapping) else [branch for branch in avro if branch is not None]

    def _version(self, subject: str, path: str, number: object) -> Registered:
        if not isinstance(number, int):
            raise self._not_a_registry()
        status, answer = self._ask("GET", f"{path}/{number}")
        self._expect(status, answer)
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
            raise self._not_a_registry()
        name = f"{subject} version {number}"
        avro = self._resolved(self._document(answer, name), name)
        if not isinstance(avro, Mapping):
            raise SchemaError(f"{name}: is a union, not a record")
        return Registered(answer["id"], number, avro)

    def register(self, subject: str, avro: Mapping[str, object]) -> int:
        """Register a schema, or find it registered; return its id.

        Raises:
            Unreachable: the registry gives no usable answer.
            SchemaError: the registry refuses it, as incompatible for example.
        """
        body = {"schema": json.dumps(avro, ensure_ascii=False), "schemaType": "AVRO"}
        path = f"/subjects/{quote(subject, safe='')}"
        status, answer = self._ask("POST", f"{path}/versions", body)
        if status == FORBIDDEN or _code(answer) == NOT_PERMITTED:
            return self._look_up(subject, path, body, answer)
        if status in UNREADABLE:
            raise SchemaError(f"{subject}: the registry refuses the schema: {_message(answer)}")
        return self._id(status, answer)

    def _look_up(self, subject: str, path: str, body: Mapping[str, object], refusal: object) -> int:
        """The id of a schema that we may not register, if someone else has (reference, "Check if a schema has ...")."""
        status, answer = self._ask("POST", path, body)
        if status == NOT_FOUND:
            raise Unreachable(
                f"the schema registry at {self._url} does not let this user register a schema of {subject}, and it is "
                f"not registered yet: {_message(refusal)}",
                hint=f"register it once as a user who may: `notice-pipeline schemas register`, subject {subject}",
            )
        return self._id(status, answer)

    def _id(self, status: int, answer: object) -> int:
        self._expect(status, answer)
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
            raise self._not_a_registry()
        return int(answer["id"])

    def _plain(self, answer: object, name: str) -> Avro:
        """The schema of the answer, whose writers do not encrypt."""
        document = self._document(answer, name)
        documents = [document.avro]
        avro = self._resolved(document, name, documents)
        require_plain(answer, documents, name)
        return avro

    def _resolved(self, document: Document, name: str, documents: list[object] | None = None) -> Avro:
        """The schema with its references, which are appended to `documents` as they come."""

        def fetch(reference: Reference) -> Document:
            below = self._referenced(reference)
            if documents is not None:
                documents.append(below.avro)
            return below

        try:
            return resolved(document, fetch)
        except SchemaError as error:
            raise SchemaError(f"{name}: {error.message}") from None
        except RecursionError:
            raise SchemaError(f"{name}: a schema nested too deeply") from None

    def _referenced(self, reference: Reference) -> Document:
        subject = quote(reference.subject, safe="", errors="replace")  # a lone surrogate names no subject
        path = f"/subjects/{subject}/versions/{reference.version}"
        status, answer = self._ask("GET", path)
        self._expect(status, answer)
        return self._document(answer, reference.subject)

    def _document(self, answer: object, name: str) -> Document:
        if not isinstance(answer, dict) or not isinstance(answer.get("schema"), str):
            raise self._not_a_registry()
        kind = answer.get("schemaType") or "AVRO"
        if kind != "AVRO":
            raise SchemaError(f"{name}: is of type {kind}; only Avro is read")
        try:
            avro = json.loads(answer["schema"])
            references = [Reference(str(one["subject"]), int(one["version"])) for one in answer.get("references") or ()]
        except (ValueError, RecursionError, KeyError, TypeError):
            raise SchemaError(f"{name}: not an Avro schema in JSON") from None
        return Document(avro, references)

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> tuple[int, object]:
        """Status and JSON of the answer.

        Raises:
            Unreachable: there is no answer, or it is not JSON, or redirects elsewhere.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": MEDIA_TYPE}
        status = 0
        until = time.monotonic() + LONGEST_ANSWER * self._timeout_seconds
        try:
            with self._client.stream(method, f"{self._url}{path}", content=content, headers=headers) as response:
                status = response.status_code
                if is_redirect(status):
                    where = not_followed(response.headers.get("location"))
                    raise Unreachable(
                        f"the schema registry at {self._url} answers {status}: {where}",
                        hint="write the address that it redirects to in schemas.registry_url",
                    )
                read = bytearray()
                for chunk in response.iter_raw():
                    read += chunk
                    if len(read) > MAX_ANSWER:
                        raise self._not_a_registry()
                    if time.monotonic() > until:
                        raise httpx.ReadTimeout("the answer does not end")
                answer = inflated(bytes(read), response.headers.get("content-encoding"), MAX_ANSWER)
                if answer is None:
                    raise self._not_a_registry()
                return status, json.loads(answer or b"null")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RegistryAway(
                f"the schema registry at {self._url} does not answer: {str(error) or type(error).__name__}",
                hint="is schemas.registry_url right?",
            ) from None
        except (ValueError, RecursionError):
            if status == TOO_MANY or status >= SERVER_ERROR:  # a gateway's own page
                return status, None
            raise self._not_a_registry() from None

    def _expect(self, status: int, answer: object) -> None:
        if status == UNAUTHENTICATED:
            raise Unreachable(
                f"the schema registry at {self._url} does not accept our credentials (401): {_message(answer)}",
                hint="are schemas.registry_user and its password, or the token, right?",
            )
        if status == FORBIDDEN:
            raise Unreachable(
                f"the schema registry at {self._url} gives this user no right to read (403): {_message(answer)}",
                hint="the user needs to read the topics' subjects and schemas by id",
            )
        if status == TOO_MANY or status >= SERVER_ERROR:
            raise RegistryAway(f"the schema registry at {self._url} answers {status}: {_message(answer)}")
        if status != 200:  # noqa: PLR2004 - RFC 9110
            raise Unreachable(f"the schema registry at {self._url} answers {status}: {_message(answer)}")

    def _not_a_registry(self) -> Unreachable:
        return Unreachable(
            f"the server at {self._url} is not a schema registry",
            hint="Confluent's dialect is needed; Apicurio offers it under /apis/ccompat/v7",
        )


def _client(options: RegistryOptions) -> httpx.Client:
    headers = {"Accept": f"{MEDIA_TYPE}, application/json", "Accept-Encoding": "identity"}
    if options.token is not None:
        headers["Authorization"] = f"Bearer {options.token}"
    auth = httpx.BasicAuth(options.user, options.password or "") if options.user is not None else None
    authorities = None if options.ca_pem is None else options.ca_pem.decode("ascii")
    try:
        tls = ssl.create_default_context(cadata=authorities)
        if options.client_pem is not None:
            load_client_certificate(tls, options.client_pem)
        return httpx.Client(
            headers=headers,
            auth=auth,
            verify=tls,
            timeout=options.timeout_seconds,
            proxy=options.proxy,
            trust_env=False,
        )
    except (ssl.SSLError, ValueError, httpx.InvalidURL) as error:
        raise ConfigurationError(f"the schema registry's client cannot be made: {type(error).__name__}") from None


def _code(answer: object) -> object:
    """Confluent's own code of an error."""
    return answer.get("error_code") if isinstance(answer, dict) else None


def _message(answer: Any) -> str:  # noqa: ANN401 - whatever JSON came
    message = answer.get("message") if isinstance(answer, dict) else None
    return str(message or "without a message")[:300]
