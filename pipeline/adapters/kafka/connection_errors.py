"""Explain why a broker cannot be connected to, and keep the last such error.

librdkafka has one text for an unknown authority, a certificate for another name and one that has ended. So the
handshake is done once more, by Python's TLS, which says what is wrong with the certificate.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import KafkaError

from pipeline.adapters.kafka import errors as kafka_errors

LOOK_SECONDS = 3.0
"""For a handshake of our own, to find out what is wrong with a certificate."""
RECENT_SECONDS = 30.0
"""How long an error counts as the state of the connections; librdkafka tries again after 10 s at the latest."""
REFUSALS = frozenset({KafkaError._SSL, KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED})  # noqa: SLF001 - librdkafka's own codes begin so
"""Errors of TLS and authentication: a broker is there, and the connection is refused by one side."""
_CLIENT_REFUSED = re.compile(
    r"alert ((?:bad|unsupported) certificate|certificate (?:required|unknown|expired|revoked)|unknown ca)"
)
"""Alerts by which a broker refuses a client's certificate, or the lack of one (RFC 8446, section 6.2). With TLS 1.3
they arrive after the handshake, and librdkafka reports them as a failed receive."""
_CLIENT_CERTIFICATE = ("ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.location")
_WHERE = re.compile(r"(?:\w+://)?\[?([^\s/\]]+?)\]?:(\d+)/(bootstrap|\d+)")
_AFTER = re.compile(r" \(after \d+ms in state \w+(?:, \d+ identical error\(s\) suppressed)?\)")
_NAME_MISMATCH = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
"""X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT and the like, and self-signed ones."""
_DATES = frozenset({9, 10})

Properties = Mapping[str, Any]


class Explanation(NamedTuple):
    """What is wrong, and how to fix it."""

    message: str
    hint: str | None


def is_refusal(error: KafkaError) -> bool:
    """Whether a broker is there and one side refuses the connection, so that waiting does not help."""
    return error.code() in REFUSALS or _CLIENT_REFUSED.search(error.str()) is not None


def explain(error: KafkaError, properties: Properties) -> Explanation:
    """Explain an error of a connection; may block for `LOOK_SECONDS` for one of TLS."""
    text = _AFTER.sub("", error.str())
    where = _WHERE.match(text)
    if where is None:
        return Explanation(text, kafka_errors.hint({error.code()}))
    host, port, node = where[1], int(where[2]), where[3]
    alert = _CLIENT_REFUSED.search(text)
    if alert is not None:
        return _client_refused(f"{host}:{port}", alert[1], properties)
    if _is_of_certificate(error):
        return _certificate(host, port, properties) or Explanation(text, kafka_errors.hint({error.code()}))
    if error.code() == KafkaError._RESOLVE and node != "bootstrap":  # noqa: SLF001 - as above
        return unknown_address(node, host, port)
    return Explanation(text, kafka_errors.hint({error.code()}))


def _client_refused(address: str, alert: str, properties: Properties) -> Explanation:
    names = "ssl.certificate.location and ssl.key.location in kafka.properties"
    if any(properties.get(name) for name in _CLIENT_CERTIFICATE):
        return Explanation(
            f"{address}: TLS: the broker refuses our client certificate ({alert})",
            f"{names} must name a certificate that is valid today and signed by an authority that the brokers trust",
        )
    return Explanation(
        f"{address}: TLS: the broker requires a client certificate ({alert})",
        f"{names} must name the client's certificate and its key",
    )


def _is_of_certificate(error: KafkaError) -> bool:
    return error.code() == KafkaError._SSL and "certificate verify failed" in error.str()  # noqa: SLF001 - as above


def unknown_address(node: str, host: str, port: int) -> Explanation:
    """A broker names itself by an address that cannot be resolved here."""
    return Explanation(
        f"broker {node} is advertised as {host}:{port}, a name that is not known here",
        "the brokers' advertised.listeners must name addresses that clients can resolve and reach; "
        "kafka.bootstrap_servers itself is right",
    )


def resolves(host: str) -> bool:
    """Whether the name can be looked up here; may block."""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return True


def _certificate(host: str, port: int, properties: Properties) -> Explanation | None:
    """What is wrong with a broker's certificate; None if that cannot be found out."""
    try:
        with socket.create_connection((host, port), LOOK_SECONDS) as connection:
            _context(properties).wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return _explained(f"{host}:{port}", host, error)
    except (OSError, ValueError):
        return None
    return None


def _explained(address: str, host: str, error: ssl.SSLCertVerificationError) -> Explanation:
    code = error.verify_code
    if code in _NAME_MISMATCH:
        return Explanation(
            f"{address}: TLS host name mismatch: the broker's certificate is valid, but not for {host}",
            "write the brokers' addresses by a name of the certificate, in kafka.bootstrap_servers and in the brokers' "
            "advertised.listeners",
        )
    if code in _UNKNOWN_AUTHORITY:
        return Explanation(
            f"{address}: TLS: the broker's certificate is signed by an unknown authority ({error.verify_message})",
            "ssl.ca.location in kafka.properties must name the certificate of the authority that signed it",
        )
    if code in _DATES:
        return Explanation(
            f"{address}: TLS: the broker's certificate is not valid today ({error.verify_message})",
            "the broker needs a new certificate; or is the clock of this machine right?",
        )
    message = f"{address}: TLS: the broker's certificate cannot be trusted ({error.verify_message})"
    return Explanation(message, kafka_errors.hint({KafkaError._SSL}))  # noqa: SLF001 - as above


def _context(properties: Properties) -> ssl.SSLContext:
    location, pem = properties.get("ssl.ca.location"), properties.get("ssl.ca.pem")
    if location in {None, "", "probe"}:
        return ssl.create_default_context(cadata=pem)
    if str(location).endswith("/"):
        return ssl.create_default_context(capath=str(location))
    return ssl.create_default_context(cafile=str(location))


class ConnectionErrors:
    """The last refusal that a client's connections met. Any thread may read it."""

    def __init__(self, properties: Properties, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._properties = properties
        self._monotonic = monotonic
        self._last: tuple[float, str] | None = None
        self._explained: tuple[float, str, str] | None = None
        """When which of librdkafka's texts was explained, and how."""

    def heard(self, error: KafkaError) -> None:
        """Take an error that librdkafka reports; does not block."""
        if not is_refusal(error):
            return
        text = _AFTER.sub("", error.str())
        now = self._monotonic()
        known = self._explained
        if known is not None and known[1] == text and now - known[0] < RECENT_SECONDS:
            self._last = (now, known[2])
            return
        self._explained = (now, text, text)
        self._last = (now, text)
        if _is_of_certificate(error) or _CLIENT_REFUSED.search(text):
            threading.Thread(target=self._explain, args=(error, now, text), name="tls-look", daemon=True).start()

    def _explain(self, error: KafkaError, now: float, text: str) -> None:
        message = explain(error, self._properties).message
        self._explained = (now, text, message)
        last = self._last
        if last is not None and last[1] == text:  # not forgotten, and no other error meanwhile
            self._last = (last[0], message)

    def recent(self) -> str | None:
        """The last refusal; None if there was none of late."""
        last = self._last
        return last[1] if last is not None and self._monotonic() - last[0] < RECENT_SECONDS else None

    def forget(self) -> None:
        """Other credentials are in use: an earlier refusal says nothing about them."""
        self._last = None
