"""TLS to the notices API, for the transports that use Python's own."""

from __future__ import annotations

import ssl
import tempfile


def tls_context(ca_pem: bytes | None, client_pem: bytes | None) -> ssl.SSLContext:
    """The well-known authorities and those of `ca_pem`; our certificate and its key from `client_pem`.

    Raises:
        ssl.SSLError, ValueError: one cannot be read.
    """
    context = ssl.create_default_context()
    if ca_pem is not None:
        context.load_verify_locations(cadata=ca_pem.decode("ascii"))
    if client_pem is not None:
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # the standard library reads it from a file only
            file.write(client_pem)
            file.flush()
            context.load_cert_chain(file.name)
    return context
