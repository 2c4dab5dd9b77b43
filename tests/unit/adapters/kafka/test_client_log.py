"""librdkafka's own lines in our log."""

from __future__ import annotations

from structlog.testing import capture_logs

from pipeline.adapters.kafka.client_log import forwarding_logger


def test_its_lines_are_events_of_ours() -> None:
    """Warnings and errors keep their level; lines without information are dropped."""
    logger = forwarding_logger()
    with capture_logs() as logs:
        logger.error("FAIL [rdkafka#consumer-2] [thrd:x]: Connection refused")
        logger.warning("SESSTMOUT [rdkafka#consumer-2] [thrd:main]: session timed out")
        logger.warning("CONFWARN [rdkafka#producer-3] [thrd:app]: session.timeout.ms is a consumer property")
        logger.info("FEATURE [rdkafka#producer-3] [thrd:x]: whatever")
    assert [(one["event"], one["log_level"]) for one in logs] == [("librdkafka", "error"), ("librdkafka", "warning")]
    assert "Connection refused" in logs[0]["message"]


def test_it_is_made_once() -> None:
    """Asked for twice, its lines are not written twice."""
    forwarding_logger()
    with capture_logs() as logs:
        forwarding_logger().error("FAIL once")
    assert len(logs) == 1
