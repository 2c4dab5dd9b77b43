"""A cluster without ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pipeline.model.event import UNKNOWN_ORIGIN, Origin


class UnknownIdentities:
    """Implements `pipeline.adapters.kafka.identities.TopicIdentities`."""

    def origins(self, topics: Collection[str]) -> Mapping[str, Origin]:
        return dict.fromkeys(topics, UNKNOWN_ORIGIN)

    def newest(self, _topics: Collection[str]) -> Mapping[str, str | None]:
        return {}
