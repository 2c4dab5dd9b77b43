"""librdkafka's own lines, as events of our log: raw, they stand between its JSON, twenty a second without a broker."""

from __future__ import annotations

import logging

import structlog

log = structlog.get_logger("kafka")
OF_NO_USE = ("CONFWARN",)
"""Facilities that tell of nothing: a consumer's setting is ignored by the producer, and so it should be."""


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith(OF_NO_USE):
            return
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write("librdkafka", message=message)


def forwarding_logger() -> logging.Logger:
    """For librdkafka's setting `logger`; it is written to inside the clients' `poll`."""
    logger = logging.getLogger("notice-pipeline.kafka")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(_Forward())
    return logger
