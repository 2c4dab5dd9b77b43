"""Rights of the secure listener's user, granted and taken away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its stub
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from pipeline.adapters.kafka.rights import Right
from tests.broker import secure

PRINCIPAL = f"User:{secure.USER}"
_KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "transactional-id": ResourceType.TRANSACTIONAL_ID}
SECONDS = 15


class Rights:
    """Changes what the user may do, as an administrator."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})

    def grant(self, rights: Iterable[Right]) -> None:
        """Allow this."""
        bindings = [AclBinding(*_parts(right)) for right in rights]
        for future in self._admin.create_acls(bindings).values():
            future.result(SECONDS)

    def revoke(self, rights: Iterable[Right]) -> None:
        """Allow it no longer."""
        filters = [AclBindingFilter(*_parts(right)) for right in rights]
        for future in self._admin.delete_acls(filters).values():
            assert future.result(SECONDS), "there was no such right"


def _parts(right: Right) -> tuple[Any, ...]:
    """The arguments of a binding and of a filter, which are the same."""
    kind, operation = _KINDS[right.resource], AclOperation[right.operation]
    return kind, right.name, ResourcePatternType.LITERAL, PRINCIPAL, "*", operation, AclPermissionType.ALLOW
