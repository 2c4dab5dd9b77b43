"""TLS of our HTTP clients, for the transports that use Python's own."""

from __future__ import annotations

import ssl

from pipeline.settings.certificates import load_client_certificate


def tls_context(ca_pem: bytes | None, client_pem: bytes | None) -> ssl.SSLContext:
    """The well-known authorities and those of `ca_pem`; our certificate and its key from `client_pem`.

    Raises:
        ssl.SSLError, ValueError: one cannot be read.
    """
    context = ssl.create_default_context()
    if ca_pem is not None:
        context.load_verify_locations(cadata=ca_pem.decode("ascii"))
    if client_pem is not None:
        load_client_certificate(context, client_pem)
    return context
