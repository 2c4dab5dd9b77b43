"""Reads files with certificates and keys in PEM, and checks that TLS can use them."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import ConfigurationError
from pipeline.settings.secrets import read_secret_file

_BEGINNINGS = re.compile(rb"^-----BEGIN ([A-Z0-9 ]+)-----\s*$", re.MULTILINE)
_ENDS = re.compile(rb"^-----END ([A-Z0-9 ]+)-----\s*$", re.MULTILINE)
_BLOCKS = re.compile(rb"^-----BEGIN ([A-Z0-9 ]+)-----.*?^-----END \1-----", re.MULTILINE | re.DOTALL)
_CERTIFICATES = frozenset({b"CERTIFICATE", b"TRUSTED CERTIFICATE", b"X509 CERTIFICATE"})
_ENCRYPTED = b"ENCRYPTED"


def read_authorities(path: Path) -> bytes:
    """One or more certificates of authorities, without the comments that bundles have in any language.

    Raises:
        ConfigurationError: the file cannot be read, is cut short, or has a certificate that cannot be parsed.
    """
    blocks = [block[0] for block in _BLOCKS.finditer(_read(path, "the CA file")) if block[1] in _CERTIFICATES]
    if not blocks:
        raise ConfigurationError(f"{path}: has no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")
    pem = b"\n".join([*blocks, b""])
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ConfigurationError(f"{path}: has a certificate that cannot be read") from None
    return pem


def read_client_certificate(certificate: Path, key: Path | None) -> bytes:
    """Our certificate with those of its issuers, and its private key, which may be in a file of its own.

    Raises:
        ConfigurationError: a file cannot be read, is cut short, lacks its part, or the key is of another certificate.
    """
    pem = _read(certificate, "the client certificate")
    if not _certificates(pem):
        raise ConfigurationError(f"{certificate}: has no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")
    holder, key_pem = (certificate, pem) if key is None else (key, _read(key, "the key of the client certificate"))
    keys = [name for name in _BEGINNINGS.findall(key_pem) if name.endswith(b"PRIVATE KEY")]
    if not keys:
        hint = None if key is not None else "add it to the file, or name its own file by client_key_file"
        raise ConfigurationError(f"{holder}: has no private key in PEM", hint=hint)
    if any(_ENCRYPTED in name for name in keys) or b"Proc-Type: 4,ENCRYPTED" in key_pem:
        raise ConfigurationError(f"{holder}: the private key has a passphrase; give it without one")
    if key is not None:
        pem += key_pem
    try:
        load_client_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pem)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(
                f"{holder}: the private key is not that of the certificate in {certificate}"
            ) from None
        raise ConfigurationError(f"{holder}: the certificate or its key cannot be read") from None
    return pem


def authorities_if_given(path: Path | None) -> bytes | None:
    """The certificates of authorities; None without a file.

    Raises:
        ConfigurationError: as `read_authorities`.
    """
    return None if path is None else read_authorities(path)


def client_certificate_if_given(certificate: Path | None, key: Path | None) -> bytes | None:
    """Our certificate with its key; None without a file.

    Raises:
        ConfigurationError: as `read_client_certificate`.
    """
    return None if certificate is None else read_client_certificate(certificate, key)


def load_client_certificate(context: ssl.SSLContext, pem: bytes) -> None:
    """Give the context our certificate and its key; no file is written where the system has memory files (Linux).

    Raises:
        ssl.SSLError: they cannot be read, or do not belong together.
    """
    with _as_file(pem) as path:
        context.load_cert_chain(path, password=lambda: b"")  # without a callback OpenSSL would ask on the terminal


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """The path of a file with this content: the standard library reads certificates of ours from files only."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("client-certificate")
        try:
            with suppress(InterruptedError):
                os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(content)
        file.flush()
        yield file.name


def _read(path: Path, meaning: str) -> bytes:
    pem = read_secret_file(path, meaning).encode()
    if _BEGINNINGS.findall(pem) != _ENDS.findall(pem):
        raise ConfigurationError(f"{path}: {meaning} is cut short: a PEM block has no end")
    return pem + b"\n"


def _certificates(pem: bytes) -> int:
    return sum(1 for name in _BEGINNINGS.findall(pem) if name in _CERTIFICATES)
