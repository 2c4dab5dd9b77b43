"""The algorithms of signatures, and how their bytes become text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Sign = Callable[[bytes], str]
"""The signature of a text, encoded."""
LEAST_RSA_BITS = 1_024
"""Shorter keys can be factored, and are not used by any platform."""


class Algorithm(StrEnum):
    """How the text is signed."""

    HMAC_SHA256 = "hmac-sha256"
    HMAC_SHA1 = "hmac-sha1"
    MD5 = "md5"
    SHA256 = "sha256"
    RSA_SHA256 = "rsa-sha256"
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2): Alipay's RSA2."""

    @property
    def is_rsa(self) -> bool:
        """Whether it signs with a private key; the others use a secret."""
        return self is Algorithm.RSA_SHA256

    @property
    def is_keyed(self) -> bool:
        """Whether the secret is the key of the algorithm; for plain hashes it must be part of the text."""
        return self in {Algorithm.HMAC_SHA256, Algorithm.HMAC_SHA1}


class Encode(StrEnum):
    """How the signature's bytes are written."""

    HEX = "hex"
    UPPER_HEX = "HEX"
    BASE64 = "base64"


_ENCODERS: dict[Encode, Callable[[bytes], str]] = {
    Encode.HEX: bytes.hex,
    Encode.UPPER_HEX: lambda digest: digest.hex().upper(),
    Encode.BASE64: lambda digest: base64.b64encode(digest).decode(),
}


def signer(algorithm: Algorithm, encode: Encode, secret: str | None, key: str | None) -> Sign:
    """The function that signs a text.

    `secret` is the key of an HMAC, in UTF-8; a plain hash has it in the text. `key` is an RSA private key (see
    `rsa_key`).

    Raises:
        ValueError: secret or key is missing, or the key cannot be used; the message does not hold it.
    """
    write = _ENCODERS[encode]
    if algorithm.is_rsa:
        if key is None:
            raise ValueError(f"{algorithm} needs a private key")
        return _rsa(rsa_key(key), write)
    if secret is None:
        raise ValueError(f"{algorithm} needs a secret")
    if algorithm is Algorithm.MD5:
        return lambda text: write(hashlib.md5(text, usedforsecurity=False).digest())
    if algorithm is Algorithm.SHA256:
        return lambda text: write(hashlib.sha256(text).digest())
    name = "sha256" if algorithm is Algorithm.HMAC_SHA256 else "sha1"
    secret_bytes = secret.encode()
    return lambda text: write(hmac.digest(secret_bytes, text, name))


def _rsa(key: RSAPrivateKey, write: Callable[[bytes], str]) -> Sign:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - loaded only if used
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - as above

    padding, digest = PKCS1v15(), SHA256()
    return lambda text: write(key.sign(text, padding, digest))


def rsa_key(text: str) -> RSAPrivateKey:
    """An RSA private key: PEM (PKCS#8 or PKCS#1), or base64 of its DER alone, as Alipay's tool writes it.

    Raises:
        ValueError: it is not such a key; the message says what it is instead, and does not hold it.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - loaded only if used
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 - as above

    is_pem = "-----BEGIN" in text
    for label, what in (("CERTIFICATE", "a certificate"), ("PUBLIC KEY", "a public key")):
        if f"{label}-----" in text and "PRIVATE KEY-----" not in text:
            raise ValueError(f"holds {what}: rsa-sha256 needs the RSA private key")
    try:
        if is_pem:
            key = serialization.load_pem_private_key(text.encode(), password=None)
        else:
            der = base64.b64decode("".join(text.split()), validate=True)
            key = serialization.load_der_private_key(der, password=None)
    except TypeError:
        raise ValueError("holds an encrypted key: give it without a password") from None
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise ValueError("holds no private key in PEM form (BEGIN PRIVATE KEY, BEGIN RSA PRIVATE KEY)") from None
    if not isinstance(key, RSAPrivateKey):
        message = f"holds a key of another kind ({_kind(key)}): rsa-sha256 needs an RSA private key"
        raise ValueError(message)  # noqa: TRY004 - the content of a file, not the type of an argument
    if key.key_size < LEAST_RSA_BITS:
        raise ValueError(f"holds an RSA key of {key.key_size} bits: {LEAST_RSA_BITS} is the least")
    return key


def _kind(key: object) -> str:
    return type(key).__name__.removesuffix("PrivateKey").lstrip("_") or "unknown"
