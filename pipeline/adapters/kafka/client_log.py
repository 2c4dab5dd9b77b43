"""Forward librdkafka's log lines to the structured log.

Without a broker librdkafka writes about twenty lines a second, which would otherwise interrupt the JSON log.
"""

from __future__ import annotations

import logging

import structlog

log = structlog.get_logger("kafka")
IGNORED_FACILITIES = ("CONFWARN",)
"""Facilities that are not logged. CONFWARN reports that a producer ignores a consumer's setting, which is intended."""


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith(IGNORED_FACILITIES):
            return
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write("librdkafka", message=message)


def forwarding_logger() -> logging.Logger:
    """Return the logger for librdkafka's setting `logger`; the clients write to it inside `poll`."""
    logger = logging.getLogger("notice-pipeline.kafka")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(_Forward())
    return logger
