"""Files with certificates and keys: what is refused, and that the message names the file and its fault."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from pipeline.errors import ConfigurationError
from pipeline.settings.certificates import load_client_certificate, read_authorities, read_client_certificate
from tests.fakes.certificates import make_pair

AUTHORITY, OTHER = make_pair("authority"), make_pair("other")
OURS, THEIRS = make_pair("ours", AUTHORITY), make_pair("theirs", AUTHORITY)
ENCRYPTED = OURS.key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        AUTHORITY.pem,
        b"# ours\n" + AUTHORITY.pem + b"\n# another\n" + OTHER.pem,
        "# 公司根证书\n".encode() + AUTHORITY.pem + "# Főtanúsítvány\n".encode() + OTHER.pem,
        b"# ours\r\n" + AUTHORITY.pem.replace(b"\n", b"\r\n"),
    ],
    ids=["one", "bundle", "comments beyond ASCII", "line breaks of Windows"],
)
def test_authorities_may_be_one_or_several(tmp_path: Path, content: bytes) -> None:
    """With text around them, as bundles have."""
    pem = read_authorities(write(tmp_path / "ca.pem", content))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem.decode())
    assert len(context.get_ca_certs()) == content.count(b"BEGIN")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf" + AUTHORITY.pem, "byte order mark"),
        (b"not a certificate\n", "no certificate in PEM"),
        (AUTHORITY.pem[:-30], "cut short"),
        (AUTHORITY.pem + OTHER.pem[:200], "cut short"),
        (AUTHORITY.pem.replace(b"MII", b"!!!", 1), "cannot be read"),
        (AUTHORITY.key_pem, "no certificate in PEM"),
    ],
    ids=["empty", "mark", "text", "half a certificate", "half a bundle", "not base64", "a key"],
)
def test_a_file_without_authorities_is_refused(tmp_path: Path, content: bytes, error: str) -> None:
    """A bundle that is only half written, too, of which OpenSSL would take the first half."""
    path = write(tmp_path / "ca.pem", content)
    with pytest.raises(ConfigurationError, match=error) as caught:
        read_authorities(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("apart", [False, True], ids=["one file", "two files"])
def test_a_certificate_and_its_key_are_read(tmp_path: Path, apart: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    """From one file, or from two as Kubernetes' TLS Secrets have them."""
    certificate = write(tmp_path / "tls.crt", OURS.pem if apart else OURS.pem_with_key)
    key = write(tmp_path / "tls.key", OURS.key_pem) if apart else None
    load_client_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), read_client_certificate(certificate, key))


@pytest.mark.parametrize(
    ("certificate", "key", "named", "error"),
    [
        (OURS.pem, THEIRS.key_pem, "tls.key", "is not that of the certificate in"),
        (OURS.pem + THEIRS.key_pem, None, "tls.crt", "is not that of the certificate in"),
        (OURS.pem, None, "tls.crt", "no private key"),
        (OURS.key_pem, None, "tls.crt", "no certificate"),
        (OURS.pem, OURS.pem, "tls.key", "no private key"),
        (OURS.pem, OURS.key_pem[:-40], "tls.key", "cut short"),
        (OURS.pem, b"", "tls.key", "is empty"),
        (OURS.pem, ENCRYPTED, "tls.key", "has a passphrase"),
        (OURS.pem, OURS.key_pem.replace(b"MIG", b"!!!", 1), "tls.key", "cannot be read"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, certificate: bytes, key: bytes | None, named: str, error: str
) -> None:
    """The message names the file at fault, and nothing of its content."""
    paths = write(tmp_path / "tls.crt", certificate), None if key is None else write(tmp_path / "tls.key", key)
    with pytest.raises(ConfigurationError, match=error) as caught:
        read_client_certificate(*paths)
    assert str(tmp_path / named) in caught.value.message
    assert OURS.key_pem.decode().splitlines()[1] not in caught.value.message


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """As at start, so at a change: a Secret may be gone for a moment."""
    with pytest.raises(
        ConfigurationError, match=r"tls\.key: the key of the client certificate cannot be read: No such"
    ):
        read_client_certificate(write(tmp_path / "tls.crt", OURS.pem), tmp_path / "tls.key")
