"""Settings of recipient care."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.settings.kinds import Replicas, Section, TopicName


class RecipientCareSettings(Section):
    """Recipient care: notices of one recipient go through one partition, whatever topics their events are on."""

    enabled: Literal["auto"] | bool = Field(
        "auto",
        description="Whether notices pass a topic that is keyed by the recipient, which keeps their order across "
        "topics and is needed for caps, `once`, quiet hours and opt-outs. `auto`: if the rules need it at the start.",
    )
    intents_topic: TopicName = Field(
        "notice.intents", description="Topic of notices on their way to their recipient's partition."
    )
    care_topic: TopicName = Field(
        "notice.care",
        description="Compacted topic of what is known of recipients: one partition for each of the intents topic.",
    )
    preferences_topic: TopicName | None = Field(
        None,
        description="Compacted topic of recipients' preferences: the key is the recipient, the value JSON such as "
        '`{"opted_out": ["promotions"], "timezone": "Europe/Berlin"}`; a record without a value forgets them.',
    )
    accept_loss: bool = Field(
        False,
        description="Start although what is known of recipients was deleted, or written with another key of their "
        "hash: caps and `once` begin with what the outcomes topic has, opt-outs with what is read of them again.",
    )
    create: bool = Field(True, description="Create the topics of recipient care if they do not exist.")
    partitions: int = Field(
        64,
        ge=1,
        le=10_000,
        description="Partitions of these topics when they are created. Never change them later: a recipient's notices "
        "would go to another partition.",
    )
    replication_factor: Replicas = Field(
        -1, description="Replicas of these topics when they are created. -1: the broker's default."
    )
