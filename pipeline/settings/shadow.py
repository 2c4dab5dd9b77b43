"""The configuration of a shadow: the same rules on the same events, and nothing that the live service looks at."""

from __future__ import annotations

from pipeline.settings.model import Settings

SUFFIX = ".shadow"


def apart(settings: Settings) -> Settings:
    """With a consumer group, an outcomes topic and a dead-letter topic of its own.

    The group makes its offsets and its commits its own, the outcomes topic its ledger: the live service neither
    finds its place moved nor a notice done that nobody has sent.
    """
    return settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update={"group_id": settings.kafka.group_id + SUFFIX}),
            "outcomes": settings.outcomes.model_copy(update={"topic": settings.outcomes.topic + SUFFIX}),
            "dead_letters": settings.dead_letters.model_copy(update={"topic": settings.dead_letters.topic + SUFFIX}),
        }
    )
