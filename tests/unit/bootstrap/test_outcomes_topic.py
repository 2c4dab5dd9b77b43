"""How many partitions the outcomes topic is created with: a takeover should read no outcomes of other partitions."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import structlog
from structlog.testing import capture_logs

from pipeline.adapters.kafka.topics import TopicCheck, TopicToMake
from pipeline.bootstrap.outcomes import ensure_outcomes_topic
from pipeline.settings.model import OutcomeSettings


class Topics(TopicCheck):
    """Has the topics of a cluster without asking one."""

    def __init__(self, existing: int | None = None) -> None:
        self.existing = existing

    def ensure(self, topic: TopicToMake, config: Mapping[str, str]) -> int:  # noqa: ARG002 - the interface's
        """Return the existing number, or that of the topic to create."""
        return self.existing or topic.partitions


@pytest.mark.parametrize(
    ("configured", "read", "made"),
    [
        pytest.param(None, 4, 12, id="a few more than now"),
        pytest.param(None, 46, 46, id="as many as are read"),
        pytest.param(3, 46, 3, id="as configured"),
    ],
)
def test_a_new_topic(configured: int | None, read: int, made: int) -> None:
    assert ensure_outcomes_topic(OutcomeSettings(partitions=configured), Topics(), read) == made


@pytest.mark.parametrize(("existing", "is_logged"), [(12, True), (46, False)])
def test_an_existing_topic_with_fewer_is_logged(existing: int, is_logged: bool) -> None:  # noqa: FBT001 - a parameter
    """The number of an existing topic is used as it is: it must not change."""
    structlog.reset_defaults()
    with capture_logs() as logged:
        assert ensure_outcomes_topic(OutcomeSettings(), Topics(existing), 46) == existing
    expected = [("outcomes_topic_has_fewer_partitions", existing, 46)] if is_logged else []
    assert [(one["event"], one["partitions"], one["read"]) for one in logged] == expected
